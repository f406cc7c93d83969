"""Solved examples before a question: which ones, and how they are put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.fewshot import held_out, with_shots
from clbench.spec.forms import Filled
from clbench.spec.task import Task

GROUPED = st.lists(st.sampled_from("abc"), min_size=1, max_size=40)


def task(**changes):
    minimal = {
        "task": "own/a",
        "data": {"files": {"test": "a.jsonl"}},
        "scorers": {"strict": "exact"},
        "forms": [{"prompt": "{{ q }}", "answer": "{{ a }}"}],
    }
    return Task.model_validate(minimal | changes)


def solved(*names, group="", **more):
    return [Filled(prompt=f"{name}?", answer=f" {name}!", group=group, **more) for name in names]


def test_a_whole_prompt():
    asked = task(shots=2, preamble="About {{ group }}:\n", separator="\n--\n")
    [one] = with_shots(
        asked, solved("x", group="cats"), pool=[*solved("z", group="dogs"), *solved(*"abc", group="cats")]
    )
    assert one.prompt == "About cats:\na? a!\n--\nb? b!\n--\nx?"
    assert (one.task, one.answer, one.choices, one.ending) == ("own/a", " x!", (), "")


def test_without_shots_the_prompt_is_the_question():
    assert [one.prompt for one in with_shots(task(), solved("x", "y"), pool=())] == ["x?", "y?"]


def test_a_solved_example_ends_as_the_question_will():
    choice = {"choices": (" he", " she"), "ending": " left."}
    solution = Filled(prompt="Then", answer=" she", **choice)
    [one] = with_shots(task(shots=1), [Filled(prompt="So", answer=" he", **choice)], pool=[solution])
    assert one.prompt == "Then she left.\n\nSo"
    assert (one.choices, one.ending) == ((" he", " she"), " left.")


def test_a_worked_text_stands_instead_of_shots():
    asked = task(shots=3, preamble="<{{ group }}>")
    [one] = with_shots(asked, solved("x", group="g"), pool=(), worked={"g": "\nQ: how? A: so.\n", "h": ""})
    assert one.prompt == "<g>Q: how? A: so.\n\nx?"


@pytest.mark.parametrize(("group", "of"), [("", ""), ("cats", "group 'cats': ")])
def test_too_few_solved_examples(group, of):
    with pytest.raises(DataError, match=f"^task 'own/a': {of}3 solved examples are needed for the prompt, got 2$"):
        with_shots(task(shots=3), solved("x", group=group), pool=solved("a", "b", group=group))


@given(groups=GROUPED, shots=st.integers(0, 5))
def test_held_out_examples_are_the_first_of_each_group_and_never_asked(groups, shots):
    records = [Filled(prompt=str(number), answer=".", group=group) for number, group in enumerate(groups)]
    left = {group: groups.count(group) - shots for group in groups}
    if min(left.values()) < 1:
        with pytest.raises(DataError, match="none is left to ask"):
            held_out(task(shots=shots), records)
        return
    pool, questions = held_out(task(shots=shots), records)
    assert sorted([*pool, *questions], key=lambda one: int(one.prompt)) == records
    for group in set(groups):
        mine = [one for one in records if one.group == group]
        assert [one for one in pool if one.group == group] == mine[:shots]
        assert [one for one in questions if one.group == group] == mine[shots:]


@given(groups=GROUPED, shots=st.integers(0, 3))
def test_all_questions_of_a_group_begin_alike(groups, shots):
    pool = [one for group in "abc" for one in solved(*"12345", group=group)]
    questions = [Filled(prompt=f"<{number}>", answer=".", group=group) for number, group in enumerate(groups)]
    made = with_shots(task(shots=shots, preamble="{{ group }}:"), questions, pool=pool)
    for one, question in zip(made, questions, strict=True):
        start = "".join(f"{n}? {n}!\n\n" for n in "12345"[:shots])
        assert one.prompt == f"{question.group}:{start}{question.prompt}"
