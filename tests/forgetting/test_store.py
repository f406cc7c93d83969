"""Kept answers: the same key gives them back, any other and any damage does not."""

import pytest

from clbench.forgetting.store import Store
from clbench.runs.predictions import Prediction

KEY = {"model": {"hash": "a"}, "records": "b", "asked": ["generate", 8, [], True]}
ANSWERS = [Prediction("Say A:", "A", "A"), Prediction("Say B:", "支持\n", "B", truncated=True)]
PROMPTS = [one.prompt for one in ANSWERS]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "answers")
    store.save(KEY, ANSWERS)
    return store


def test_what_was_kept_comes_back_and_nothing_else(store):
    assert store.read(KEY, prompts=PROMPTS) == store.read(KEY, prompts=None) == ANSWERS
    assert store.read({**KEY, "records": "c"}, prompts=PROMPTS) is None
    assert store.damaged == []


@pytest.mark.parametrize("damage", ["answers", "key", "json", "prompts", "cut", "gone"])
def test_what_is_damaged_is_left_aside_and_named(store, damage):
    (answers,), (told,) = store.folder.glob("*.jsonl"), store.folder.glob("*.json")
    prompts = PROMPTS
    if damage == "answers":
        answers.write_text(answers.read_text("utf-8").replace("支持", "反对"), "utf-8")
    elif damage == "key":
        told.write_text(told.read_text("utf-8").replace('"b"', '"c"'), "utf-8")
    elif damage == "json":
        told.write_text("{", "utf-8")
    elif damage == "prompts":
        prompts = PROMPTS[::-1]
    elif damage == "cut":
        answers.write_bytes(answers.read_bytes()[:-9])
    else:
        answers.unlink()
    assert store.read(KEY, prompts=prompts) is None
    assert store.damaged == [told.stem]


def test_a_draft_goes_when_the_answers_are_whole_and_an_entry_when_it_is_dropped(store):
    from clbench.evaluation.evaluator import Answer

    other = {**KEY, "records": "c"}
    store.draft(other).add({1: Answer("B", False, 1)})
    assert store.draft(other).read(2) == {1: Answer("B", False, 1)}
    store.save(other, ANSWERS)
    assert store.draft(other).read(2) == {}
    store.drop(other)
    assert store.read(other, prompts=None) is None
    assert len(list(store.folder.iterdir())) == 2  # KEY's
