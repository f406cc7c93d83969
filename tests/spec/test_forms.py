"""From a record's columns to prompt, choices and answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clbench.base.errors import DataError
from clbench.spec.forms import MAX_CHOICES, Filled, Form, choose_form

LISTED = {"prompt": "{{ q }}", "choices": "{{ c }}", "answer": "{{ a }}"}
PARSED = Form(
    parse={"line": r"(?s)Q: (?P<q>.*)\nOptions: (?P<listed>.*)"},
    prompt="{{ q }}",
    choices="{{ listed | split_by(', ') }}",
    answer="{{ ['x', 'y'].index(key) }}",
)


def fill(form, record):
    return Form.model_validate(form).fill(record, where="a.jsonl:7")


def test_a_record_becomes_its_parts():
    made = fill({**LISTED, "ending": " of {{ q }}", "group": "g{{ a }}"}, {"q": "2 + 2 =", "c": [" 3", " 4"], "a": 1})
    assert made == Filled(prompt="2 + 2 =", answer=" 4", choices=(" 3", " 4"), ending=" of 2 + 2 =", group="g1")


def test_without_choices_the_answer_is_a_text():
    assert fill({"prompt": "{{ q }}", "answer": " {{ q[::-1] }}"}, {"q": "ab"}) == Filled(prompt="ab", answer=" ba")


def test_choices_may_stand_one_by_one():
    made = fill({"prompt": "", "choices": ["{{ x }}", "{{ y }}!"], "answer": "0"}, {"x": "a", "y": "b"})
    assert (made.choices, made.answer) == (("a", "b!"), "a")


def test_a_text_is_parsed_into_columns():
    made = PARSED.fill({"line": "Q: which?\nor\nOptions: one, two", "key": "y"}, where="x")
    assert (made.prompt, made.choices, made.answer) == ("which?\nor", ("one", "two"), "two")
    assert PARSED.needs == {"line", "key"}


@given(st.lists(st.text(st.characters(codec="utf-8")).filter(str.strip), min_size=2, max_size=MAX_CHOICES), st.data())
def test_the_answer_is_the_choice_that_the_number_names(choices, data):
    number = data.draw(st.integers(0, len(choices) - 1))
    for written in (number, str(number), f" {number} "):
        made = fill(LISTED, {"q": "?", "c": choices, "a": written})
        assert made.choices == tuple(choices)
        assert made.answer == choices[number]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"c": [" 3"]}, "choices: there must be 2 to 64, got 1"),
        ({"c": []}, "choices: there must be 2 to 64, got 0"),
        ({"c": ["x"] * 65}, "choices: there must be 2 to 64, got 65"),
        ({"c": "34"}, "choices must be a list of texts"),
        ({"c": [3, 4]}, "choices must be a list of texts"),
        ({"c": [" 3", None]}, "choices must be a list of texts"),
        ({"c": {"3": "4"}}, "choices must be a list of texts"),
        ({"c": [" 3", " "]}, "choices: number 1 is empty"),
        ({"a": 2}, "the right choice must be a number from 0 to 1, got '2'"),
        ({"a": -1}, "the right choice must be a number from 0 to 1, got '-1'"),
        ({"a": ""}, "the right choice must be a number from 0 to 1, got ''"),
        ({"a": "B"}, "the right choice must be a number from 0 to 1, got 'B'"),
        ({"a": "٠"}, "the right choice must be a number from 0 to 1"),
        ({"a": None}, "answer cannot be made: a column that it uses is null"),
        ({"q": None}, "prompt cannot be made: a column that it uses is null"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_record(change, reason):
    record = {"q": "2 + 2 =", "c": [" 3", " 4"], "a": 1}
    with pytest.raises(DataError) as caught:
        fill(LISTED, record | change)
    assert str(caught.value).startswith("a.jsonl:7: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_of_another_form_is_refused():
    with pytest.raises(DataError, match=r"^x: line does not have the expected form, got 'Q: which"):
        PARSED.fill({"line": "Q: which? one or two", "key": "y"}, where="x")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"prompt": "{{ q", "answer": ""}, "is no template"),
        ({"prompt": "", "answer": "{{ q | nope }}"}, "No filter named 'nope'"),
        ({"prompt": "", "answer": "0", "choices": ["a"]}, "at least two"),
        ({"prompt": "", "answer": "0", "choices": "a, b"}, "one expression"),
        ({"prompt": "", "answer": "0", "choices": ["a", "{% set b = 1 %}"]}, "only if and for"),
        ({"prompt": "", "answer": "0", "ending": "."}, "stands after choices"),
        ({"prompt": "", "answer": "0", "parse": {"q": "("}}, "is no regular expression"),
        ({"prompt": "", "answer": "0", "parse": dict.fromkeys("abcde", "x")}, "at most 4"),
        ({"prompt": ""}, "answer"),
        ({"prompt": "", "answer": "", "promt": ""}, "Extra inputs"),
    ],
    ids=str,
)
def test_what_a_form_cannot_be(form, reason):
    with pytest.raises(ValidationError, match=reason):
        Form.model_validate(form)


def test_the_first_form_whose_columns_are_there_is_taken():
    forms = (Form(prompt="{{ a }}{{ b }}", answer=""), Form(prompt="{{ a }}", answer=""), PARSED)
    assert choose_form(forms, {"a": "", "b": "", "c": ""}, where="x") is forms[0]
    assert choose_form(forms, {"a": "", "line": "", "key": ""}, where="x") is forms[1]
    assert choose_form(forms, {"line": "", "key": ""}, where="x") is PARSED


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"b": 1}, "x: needs the columns a, b or a or key, line; got b"),
        ({}, "x: needs the columns a, b or a or key, line; got none"),
        (["a"], r"x: must be an object of columns, got \['a'\]"),
        ("a", "x: must be an object of columns, got 'a'"),
    ],
)
def test_a_record_that_no_form_fits_is_told_what_it_lacks(record, reason):
    forms = (Form(prompt="{{ a }}{{ b }}", answer=""), Form(prompt="{{ a }}", answer=""), PARSED)
    with pytest.raises(DataError, match=f"^{reason}"):
        choose_form(forms, record, where="x")
