"""Records are other people's: whatever stands in a field neither stops a board nor acts where it is shown."""

import io
import json
import os
import random
import re
from contextlib import redirect_stdout

import pytest
from pydantic import BaseModel

from clbench.base.errors import RecordError
from clbench.boards.leaderboard import board_text, update
from clbench.cli.shared.results import print_record, record_json
from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, render
from clbench.runs.record import read_record

ACTS = "\x1b[2J\x00\x9b31m\u202e\u2066@somebody https://example.org www.example.org <b>|x"
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
LINKS = re.compile(r"@\w|https?://\S|\bwww\.\S|<b>")
SPOILT = int(os.environ.get("CLBENCH_SPOILT", "600"))


@pytest.fixture(scope="module")
def full(make_record):
    """A record with something in every field."""
    return make_record(
        predictions={},
        probes={"probes/a": [0.1, 0.2, 0.3]},
        errors={"strict": [[0.1, 0.1]] * 3},
        probe_errors={"probes/a": [0.1, 0.1, 0.1]},
        probe_changes={"probes/a": {"value": 0.2, "error": 0.1}},
        overlap={"toy/a": {"touched": 1, "of": 9, "too_short": 2, "n": 13, "examples": [1], "equal_prompts": 1}},
        drift={"relative_l2": 0.1, "moved": 0.5, "blocks": {"head": 0.1}},
        warnings={"clbench/tiny: a functional run": 1},
        notes={"mofo": {"share": 0.1, "deep": [{"a": "b"}]}},
        provenance={"python": "3.11", "command": ["clbench", "run"]},
        board={"probes": {"probes/a": "e" * 64}, "changes": {"protocol.epochs": 3}},
    )


def places(whole, at=()):
    """Every text of a record: where it is, and whether it is a key."""
    if isinstance(whole, BaseModel):
        for name in type(whole).model_fields:
            yield from places(getattr(whole, name), (*at, name))
    elif isinstance(whole, dict):
        for key, value in whole.items():
            yield (*at, key), True
            yield from places(value, (*at, key))
    elif isinstance(whole, tuple | list):
        for number, value in enumerate(whole):
            yield from places(value, (*at, number))
    elif isinstance(whole, str):
        yield at, False


def spoilt_at(record, replaced, place, key, text=ACTS):
    if not key:
        return replaced(record, place, text)
    *above, name = place
    whole = record
    for part in above:
        whole = getattr(whole, part) if isinstance(whole, BaseModel) else whole[part]
    return replaced(record, above, {(text if one == name else one): value for one, value in whole.items()})


def shown(record):
    """What each way of showing makes of a record."""
    texts = {}
    with redirect_stdout(io.StringIO()) as out:
        print_record(record, bwt=None)
    texts["show"] = out.getvalue()
    texts["board"] = board_text(record.board.name, record.board, [record], old="", summaries=SUMMARIES)
    texts["page"] = render([of_record(record)], summaries=SUMMARIES)
    return texts


def test_no_field_acts_where_it_is_shown(full, replaced):
    """Each field in turn, also where the schema would have refused it."""
    found = list(places(full))
    assert len(found) > 50
    words = ("name", "hash", "scorer", "strict", "lenient", "regime", "relative_l2")  # of the schema itself
    for place, key in found:
        if (key and place[-1] in words) or (place[-1] in ("scorer", "regime") and not key):
            continue
        for name, text in shown(spoilt_at(full, replaced, place, key)).items():
            assert not ACTIVE.search(text), (place, name)
            if name == "board":
                assert not LINKS.search(text), (place, name)


def test_json_for_a_terminal_has_nothing_that_acts(full, replaced, capsys):
    from clbench.cli.shared import output

    record = replaced(full, ("provenance", "python"), ACTS)
    record = replaced(record, ("warnings",), {ACTS: 1})
    output.print_json(record_json(record, state={"status": "finished", "config": {"a": ACTS}}))
    told = capsys.readouterr().out
    assert not ACTIVE.search(told)
    assert json.loads(told)["config"] == {"a": ACTS}


def test_problems_and_errors_have_nothing_that_acts(full, tmp_path, call):
    path = full.path(tmp_path / "leaderboards")
    full.save(path)
    bad = path.with_name("bad\x1b[2J\u202e.json")
    bad.write_text(json.dumps({"\x1b[31m": ACTS}), encoding="utf-8")
    for command in (["leaderboard", "--leaderboards-dir", tmp_path / "leaderboards"], ["show", bad]):
        done = call(*command)
        assert done.code in (1, 2)
        assert "is no valid record" in done.out + done.err
        assert not ACTIVE.search(done.out + done.err)


# --- one strict schema

EDITS = {
    "a cost of 401 digits": ("costs", "steps", "1" + "0" * 400),
    "a time of 1e400": ("costs", "train_seconds", "1e400"),
    "a footprint of 401 digits": ("footprint", "stored_bytes", "1" + "0" * 400),
    "a large cost": ("costs", "train_tokens", "1" + "0" * 18 + "1"),
    "a negative cost": ("costs", "eval_seconds", "-1"),
    "a cost as text": ("costs", "steps", '"12"'),
    "a cost as a boolean": ("costs", "steps", "true"),
    "a whole number with a fraction": ("costs", "steps", "12.0"),
    "a drift that is NaN": ("drift", "relative_l2", "NaN"),
    "a drift as text": ("drift", "relative_l2", '"0.1"'),
    "an infinite change": ("probe_changes", "probes/a", '{"value": Infinity}'),
    "a seed below zero": ("seed", None, "-1"),
    "a seed as a boolean": ("seed", None, "false"),
    "a seed as text": ("seed", None, '"0"'),
    "a score as text": ("scores", "strict", '[["0.1", 0.2], [0.9, 0.3], [0.5, 0.8]]'),
    "a score as a boolean": ("scores", "strict", "[[true, 0.2], [0.9, 0.3], [0.5, 0.8]]"),
    "a score above one": ("scores", "strict", "[[1.5, 0.2], [0.9, 0.3], [0.5, 0.8]]"),
    "no tasks": ("tasks", None, "[]"),
    "a task twice": ("tasks", None, '["toy/a", "toy/a"]'),
    "a run id that leads elsewhere": ("run", None, '"../../evil"'),
    "a run id with a slash": ("run", None, '"a/b"'),
    "an empty run id": ("run", None, '""'),
    "a task that leads elsewhere": ("tasks", None, '["../a", "toy/b"]'),
    "a file of predictions elsewhere": ("predictions", None, '{"../x.jsonl": "' + "0" * 64 + '"}'),
    "a hash that is none": ("predictions", None, '{"predictions/00/toy--a.jsonl": "0"}'),
    "an overlap with other keys": ("overlap", "toy/a", '{"hit": 1}'),
    "an overlap that is no object": ("overlap", "toy/a", "[]"),
    "a warning that is no count": ("warnings", None, '{"x": "1"}'),
    "a name with an escape": ("method", "name", '"mo\\u001bfo"'),
    "a model on two lines": ("board", "model", '{"name": "a\\nb", "hash": "c"}'),
    "a boolean version": ("schema_version", None, "true"),
    "another version": ("schema_version", None, "2"),
}


def edited(record, part, key, value):
    """A record's text with a value as it stands."""
    content = record.model_dump(mode="json")
    if key is None:
        content[part] = "\x00here"
    else:
        content[part][key] = "\x00here"
    return json.dumps(content).replace('"\\u0000here"', value)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_is_coerced_elsewhere_is_refused(full, tmp_path, edit):
    path = tmp_path / "record.json"
    path.write_text(edited(full, *edit), encoding="utf-8")
    with pytest.raises(RecordError, match=r"record\.json: is no"):
        read_record(path)


def test_a_key_that_stands_twice_is_refused(full, tmp_path):
    path = tmp_path / "record.json"
    text = json.dumps(full.model_dump(mode="json"))
    for doubled in ('"seed": 0', '"op": 1', '"share": 0.1', '"steps": 1200'):
        key = doubled.partition(":")[0]
        spoilt = text.replace(doubled, f"{doubled}, {doubled}", 1)
        if spoilt == text:
            continue
        path.write_text(spoilt, encoding="utf-8")
        with pytest.raises(RecordError, match=f"key '{key[1:-1]}' stands twice"):
            read_record(path)


@pytest.mark.parametrize("kind", ["folder", "fifo", "link to nothing"])
def test_what_is_no_regular_file_is_refused(full, tmp_path, kind):
    folder = tmp_path / "leaderboards"
    path = full.path(folder)
    full.save(path)
    other = path.with_name("other.json")
    if kind == "folder":
        other.mkdir()
    elif kind == "fifo":
        os.mkfifo(other)
    else:
        other.symlink_to(tmp_path / "nothing")
    (done,) = update(folder, summaries=SUMMARIES)
    assert done.path.is_file()
    assert len(done.problems) == (kind != "folder")


def test_one_bad_record_of_each_kind_hides_no_other_and_stops_no_run(full, make_record, tmp_path, monkeypatch):
    """All of them at once beside two good ones: the board is that of the good ones, and each is reported."""
    folder = tmp_path / "leaderboards"
    good = [full, make_record("mofo", board={"probes": full.board.probes, "changes": full.board.changes})]
    for record in good:
        record.save(record.path(folder))
    (alone,) = update(folder, summaries=SUMMARIES)
    text = alone.path.read_bytes()
    for number, edit in enumerate(EDITS.values()):
        full.path(folder).with_name(f"bad-{number}.json").write_text(edited(full, *edit), encoding="utf-8")
    (done,) = update(folder, summaries=SUMMARIES, indexed=True)
    assert done.path.read_bytes() == text
    assert len(done.problems) == len(EDITS)

    def breaks(record):
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr("clbench.boards.loading.contradictions", breaks)
    (done,) = update(folder, summaries=SUMMARIES)
    assert len(done.problems) == len(EDITS) + 2, "even what nobody thought of is reported"


VALUES = [
    *("NaN", "1e400", "-1e400", "-1", "1" + "0" * 400, "true", "null", '""', '"\\u001b"', '"../x"', "[]", "{}", "0.5"),
    *('"' + "x" * 5000 + '"', "[" * 500 + "]" * 500, '{"a": {"b": 1, "b": 2}}', '"\\ud800"', '"@all"', "[null]"),
]


def leaves(value, at=()):
    yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, (*at, key))


def read(path):
    """A record, or what is said of it."""
    try:
        return read_record(path), ""
    except RecordError as error:
        return None, str(error)


def test_spoilt_records_are_read_and_shown_or_refused_in_a_line(full, tmp_path):
    """Any value anywhere, any key away, renamed or doubled; `CLBENCH_SPOILT` says how many."""
    rng = random.Random("spoilt records")
    content = full.model_dump(mode="json")
    everywhere = [place for place in leaves(content) if place]
    path, refused = tmp_path / "record.json", 0
    for _ in range(SPOILT):
        spoilt = json.loads(json.dumps(content))
        for _ in range(rng.randint(1, 2)):
            *above, last = rng.choice(everywhere)
            whole = spoilt
            try:
                for part in above:
                    whole = whole[part]
                how = rng.random()
                if how < 0.75:
                    whole[last] = f"\x00{rng.randrange(len(VALUES))}\x00"
                elif how < 0.9 or not isinstance(whole, dict):
                    del whole[last]
                else:
                    whole[f"{last}\x1b"] = whole.pop(last)
            except (KeyError, IndexError, TypeError):
                continue
        text = re.sub(r'"\\u0000(\d+)\\u0000"', lambda found: VALUES[int(found[1])], json.dumps(spoilt))
        path.write_text(text, encoding="utf-8")
        record, said = read(path)
        refused += record is None
        assert "\n" not in said
        assert len(said) < 1000
        if record is not None and rng.random() < 0.2:
            for text in shown(record).values():
                assert not ACTIVE.search(text)
    assert refused > SPOILT / 2
