"""Templates for the usual columns say what the reader of files says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.shapeforms import form_of
from clbench.data.shapes import shape_of
from clbench.spec.forms import Form

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
TALK = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3)


def both(record):
    """Prompt and answer by the form, and by the shape."""
    filled = Form.model_validate(form_of(record)).fill(record, where="here")
    example = shape_of(record, where="here").example(record, where="here", task="own/a")
    return (filled.prompt, filled.answer), (example.prompt, example.answer)


@given(TEXT, TEXT, TEXT | st.just(""))
def test_pairs_and_alpacas_records(first, second, third):
    for record in (
        {"prompt": first, "answer": second},
        {"prompt": first, "completion": second},
        {"instruction": first, "output": second},
        {"instruction": first, "output": second, "input": third},
    ):
        by_form, by_shape = both(record)
        assert by_form == by_shape


@given(TALK)
def test_conversations(talk):
    roles = [role for _ in talk for role in ("user", "assistant")]
    texts = [text for pair in talk for text in pair]
    turns = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    shared = [
        {"from": {"user": "human", "assistant": "gpt"}[role], "value": text}
        for role, text in zip(roles, texts, strict=True)
    ]
    for record in ({"messages": turns}, {"conversations": shared}):
        by_form, by_shape = both(record)
        assert by_form == by_shape


def test_columns_of_other_names():
    record = {"question": "q", "context": "c", "reply": "a"}
    called = {"instruction": "question", "input": "context", "output": "reply"}
    filled = Form.model_validate(form_of(record, called=called)).fill(record, where="here")
    usual = {"instruction": "q", "input": "c", "output": "a"}
    assert (filled.prompt, filled.answer) == both(usual)[1]


@pytest.mark.parametrize("record", [{"text": "a", "label": 1}, {"prompt": [], "answer": "a"}, {"in put": "a"}, {}])
def test_what_is_none_of_the_usual_ones(record):
    assert form_of(record) is None
