"""Records of any columns, from files: splits, shots, what is missing, and which of them are asked."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.formed import load_formed, spread
from clbench.data.records import shuffled
from clbench.spec.task import Task

EXAMPLES = st.integers(1, 200).map(lambda size: [Example("own/a", str(n), "x") for n in range(size)])


def task(files=None, **changes):
    minimal = {
        "task": "own/a",
        "data": {"files": {"test": "test.jsonl", **(files or {})}},
        "scorers": {"strict": "exact"},
        "forms": [{"prompt": "{{ q }}?", "answer": " {{ a }}"}],
    }
    return Task.model_validate(minimal | changes)


GROUPED = [{"prompt": "{{ q }}?", "answer": " {{ a }}", "group": "{{ g }}"}]


@pytest.fixture
def load(tmp_path):
    """Loads a split of a task from records given by file name."""

    def run(one, *, split="test", **files):
        for name, records in files.items():
            text = records if isinstance(records, str) else "".join(json.dumps(record) + "\n" for record in records)
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return load_formed(one, one.data["files"], split=split, base_dir=tmp_path)

    return run


def qa(*names, **more):
    return [{"q": name, "a": name.upper(), **more} for name in names]


def test_shots_come_from_their_own_file(load):
    one = task({"shots": "shots.jsonl"}, shots=2, preamble="Say it loud.\n\n")
    assert [made.prompt for made in load(one, test=qa("x", "y"), shots=qa("a", "b", "c"))] == [
        "Say it loud.\n\na? A\n\nb? B\n\nx?",
        "Say it loud.\n\na? A\n\nb? B\n\ny?",
    ]


def test_without_such_a_file_the_first_records_are_the_shots(load):
    assert [made.prompt for made in load(task(shots=1), test=qa("x", "y", "z"))] == ["x? X\n\ny?", "x? X\n\nz?"]


def test_the_preamble_stands_before_a_question_without_shots_too(load):
    assert [made.prompt for made in load(task(preamble="Say it.\n"), test=qa("x"))] == ["Say it.\nx?"]


@pytest.mark.parametrize("split", ["train", "eval"])
def test_what_is_learned_from_has_no_shots(load, split):
    one = task({split: f"{split}.jsonl"}, shots=2, preamble="Say it.\n")
    assert load(one, split=split, **{split: qa("x", "y")}) == [
        Example("own/a", "x?", " X"),
        Example("own/a", "y?", " Y"),
    ]


def test_worked_texts_are_found_by_group_and_lose_their_head(load, tmp_path):
    (tmp_path / "a_b.txt").write_text("do not train on this\n-----\nWorked.\n\nl? L\n", encoding="utf-8")
    one = task({"worked": "{group}.txt"}, shots=3, forms=GROUPED)
    assert [made.prompt for made in load(one, test=qa("x", g="a/b"))] == ["Worked.\n\nl? L\n\nx?"]  # no way out of it


def test_a_worked_text_that_is_not_there(load):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read; the prompts of group 'none' begin with it"):
        load(task({"worked": "{group}.txt"}, shots=3, forms=GROUPED), test=qa("x", g="none"))


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([*qa("x"), {"q": "y"}], r"test\.jsonl:2: needs the columns a, q; got q$"),
        ([*qa("x"), ["y"]], r"test\.jsonl:2: must be an object of columns, got \['y'\]$"),
        ([*qa("x"), {"q": "y", "a": "\ud800"}], r"test\.jsonl:2: is no valid text: it holds half of a surrogate pair$"),
        ([*qa("x"), {"q": "y", "a": None}], r"test\.jsonl:2: answer cannot be made: a column that it uses is null$"),
        ("", "^task 'own/a': its data hold no records$"),
        ("\n{", r"test\.jsonl:2: malformed JSON"),
    ],
    ids=["column", "list", "surrogate", "null", "empty", "malformed"],
)
def test_what_is_wrong_with_a_file(load, records, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load(task(), test=records)
    assert "\n" not in str(caught.value)


def test_a_split_that_is_not_named(load):
    with pytest.raises(DataError, match=r"^task 'own/a': data names no train split$"):
        load(task(), split="train")


def test_a_file_that_is_not_there(load):
    with pytest.raises(DataError, match=r"test\.jsonl: cannot be read \(No such file"):
        load(task())


def test_an_empty_prompt_is_refused(load):
    with pytest.raises(DataError, match=r"test\.jsonl:1: the prompt is empty"):
        load(task(forms=[{"prompt": "{{ q }}", "answer": "{{ a }}"}]), test=qa(""))


@given(EXAMPLES, st.integers(1, 250))
def test_a_share_is_spread_evenly(examples, size):
    found = spread(examples, size)
    places = [int(one.prompt) for one in found]
    assert len(found) == min(size, len(examples))
    assert places == sorted(set(places))
    steps = {after - before for before, after in itertools.pairwise(places)}
    assert not steps or max(steps) - min(steps) <= 1
    assert spread(examples, None) == examples


@given(EXAMPLES, st.integers(0, 9))
def test_shuffling_loses_nothing_and_is_the_same_each_time(examples, seed):
    found = shuffled(examples, seed)
    assert sorted(found, key=lambda one: int(one.prompt)) == examples
    assert found == shuffled(examples, seed)
    assert shuffled(examples, None) == examples


def test_records_that_a_form_does_not_keep_are_not_drawn(tmp_path):
    records = [{"q": "x" * size, "a": str(size)} for size in range(1, 31)]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "train.jsonl").write_text(text, encoding="utf-8")
    form = {"prompt": "{{ q }}?", "answer": " {{ a }}", "keep": "{{ (q ~ a) | length <= 12 }}"}
    one = task({"train": "train.jsonl"}, forms=[form])
    found = load_formed(one, one.data["files"], split="train", base_dir=tmp_path, cap=8, shuffle=0)
    assert len(found) == 8
    assert {int(example.answer) for example in found} <= set(range(1, 11))
    every = load_formed(one, one.data["files"], split="train", base_dir=tmp_path)
    assert [int(example.answer) for example in every] == list(range(1, 11))


def test_what_a_form_keeps_is_part_of_a_task_only_where_it_says_so():
    plain, kept = task(), task(forms=[{"prompt": "{{ q }}?", "answer": " {{ a }}", "keep": "{{ q != '' }}"}])
    assert "keep" not in plain.identity()["forms"][0]
    assert kept.identity()["forms"][0]["keep"] == "{{ q != '' }}"


@pytest.mark.parametrize("keep", ["q", "{{ q", "yes {{ q }}", "{{ q | nothing }}"])
def test_what_keeps_a_record_is_an_expression(keep):
    with pytest.raises(ValueError, match="keep"):
        task(forms=[{"prompt": "{{ q }}?", "answer": " {{ a }}", "keep": keep}])
