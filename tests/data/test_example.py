"""Training data can be read while their experience lasts, and not after."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.example import Example, TrainingData

EXAMPLES = [Example("own/a", f"question {number}", str(number)) for number in range(3)]


def test_open_data_read_like_the_list_they_hold():
    data = TrainingData(EXAMPLES, name="own/a")
    assert list(data) == EXAMPLES
    assert len(data) == 3
    assert data[1] == EXAMPLES[1]
    assert data[1:] == EXAMPLES[1:]


@pytest.mark.parametrize(
    "read", [len, list, iter, lambda data: data[0], lambda data: data[:1], lambda data: EXAMPLES[0] in data]
)
def test_passed_data_refuse_every_way_of_reading(read):
    data = TrainingData(EXAMPLES, name="own/a")
    data.close()
    with pytest.raises(PermissionError, match=r"own/a cannot be read now.*memory"):
        read(data)


TEXT = st.text(max_size=5)
ANY = st.builds(
    Example,
    *[TEXT] * 3,
    choices=st.lists(TEXT, max_size=3).map(tuple),
    ending=TEXT,
    start=st.integers(0, 9),
    turns=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
)


@given(ANY)
def test_an_example_survives_json(one):
    """What a method's memory keeps across a kill is all of it, the turns of a conversation included."""
    assert Example.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_an_example_without_more_is_its_three_texts():
    assert Example("own/a", "p", "a").to_json() == ["own/a", "p", "a"]
