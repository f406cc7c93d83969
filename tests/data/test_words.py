"""The shared word lists: what the bundled model's weights were trained on, and what `mini` draws from."""

import ast
import hashlib
import importlib
import pkgutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clbench
from clbench.data import words
from clbench.data.mini import meeting
from clbench.data.words import council
from clbench.data.words.notation import phrases, table
from clbench.data.words.notation import words as single

LISTS = [one.name for one in pkgutil.iter_modules(words.__path__) if one.name != "notation"]
GOLDEN = {
    "code": "cb5745705fff97894c270ff25514b8304bbc6525795457b84fe2b0536af930e8",
    "council": "b763cd4d9af4ebe78ee647ea47619f8e47e501d55096f98c50435bdd693f3b03",
    "german": "f21a2b1149ad79a7878c00c30d28e0ea4065eec701c04c179faff6eae8ace21f",
    "numbers": "f3d1f79caccf10f10b93e55d8f1389b803a270f9a455f811b1c4a41863493c49",
    "physics": "363e2a1fe043714cc4c1df6104df4ff54a11d61a8c2cfc91f0884aadb7ff9de1",
    "policy": "db01188f6f69620ca6ada12c4211d8c440903cf2eea00f099969856a42d163ce",
    "science": "030395991968db52e17adcd17599d787678467e42373e57473b0fb181af59b16",
    "stance": "35661eb482ca991132d38f26ea80171d232c650d234b60bb670c98aa7c4f1765",
}
PACKAGE = Path(clbench.__path__[0])


def lists_of(name):
    module = importlib.import_module(f"clbench.data.words.{name}")
    return {key: value for key, value in vars(module).items() if key.isupper()}


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_what_the_weights_were_trained_on(name):
    # Another hash means: these words are the shipped weights' and stay. Give `mini` a list of its own instead, or train
    # the bundled model again, with another version of its world.
    assert hashlib.sha256(repr(sorted(lists_of(name).items())).encode()).hexdigest() == GOLDEN[name]


def test_no_list_of_mini_or_of_the_world_is_a_copy():
    shared = {repr(value) for name in LISTS for value in lists_of(name).values()}
    for file in (*PACKAGE.glob("data/mini/*.py"), *PACKAGE.glob("tiny/world/*.py")):
        module = importlib.import_module(".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts))
        assigned = {
            target.id
            for node in ast.parse(file.read_text("utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert [name for name in assigned if repr(getattr(module, name)) in shared] == []


def test_every_phrase_that_mini_shortens_is_the_worlds():
    known = {*council.NAMES, *council.THINGS, *council.RULES, *council.PLACES}
    assert set(meeting.SHORTER) <= known
    assert not set(meeting.SHORTER.values()) & known


def test_lexicons_are_read_from_text():
    assert single(" red  blue\n green ") == ("red", "blue", "green")
    assert phrases("so far | at last\n once\n") == ("so far", "at last", "once")
    assert table("one | two; three | four\n five | six\n") == (("one", "two"), ("three", "four"), ("five", "six"))


CELL = st.text("abc ü", min_size=1).map(str.strip).filter(bool)


@given(st.lists(st.lists(CELL, min_size=1, max_size=4)), st.sampled_from([";", "\n", " ;\n"]))
def test_tables_give_back_what_was_written(rows, between):
    written = between.join(" | ".join(row) for row in rows)
    assert table(written) == tuple(tuple(row) for row in rows)
    assert phrases(written.replace(";", "\n")) == tuple(cell for row in rows for cell in row)
