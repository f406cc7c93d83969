"""The mean: every record counts, and a mean of nothing is an error."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.accuracy import exact
from clbench.scoring.average import mean_score


@dataclass
class Line:
    prompt: str
    prediction: str
    answer: str


def test_mappings_and_objects_are_read_alike() -> None:
    mappings = [{"prompt": "", "prediction": p, "answer": "A", "task": "ignored"} for p in ("A", "B", "", "A")]
    objects = [Line("", p, "A") for p in ("A", "B", "", "A")]
    assert mean_score(exact, mappings) == mean_score(exact, objects) == mean_score(exact, iter(objects)) == 0.5


def test_the_scorer_sees_all_three_texts() -> None:
    def lengths(*, prompt: str, prediction: str, answer: str) -> float:
        return (100 * len(prompt) + 10 * len(prediction) + len(answer)) / 1000

    assert mean_score(lengths, [Line("p", "pp", "aaa")]) == 0.123


def test_empty_predictions_stay_in_the_denominator() -> None:
    assert mean_score(exact, [Line("", "A", "A"), Line("", "", "A"), Line("", "", ""), Line("", "A", "")]) == 0.25


def test_no_records_is_an_error() -> None:
    with pytest.raises(ValueError, match="no records"):
        mean_score(exact, [])


@pytest.mark.parametrize("field", ["prompt", "prediction", "answer"])
def test_a_field_that_is_no_string_is_an_error_that_names_the_record(field: str) -> None:
    good = {"prompt": "", "prediction": "A", "answer": "A"}
    with pytest.raises(TypeError, match=f"record 1: {field} is NoneType"):
        mean_score(exact, [good, {**good, field: None}])


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(KeyError, match="answer"):
        mean_score(exact, [{"prompt": "", "prediction": "A"}])


@given(st.lists(st.booleans(), min_size=1), st.randoms())
def test_the_order_of_records_does_not_matter(hits: list[bool], random) -> None:
    records = [Line("", "A" if hit else "B", "A") for hit in hits]
    shuffled = random.sample(records, len(records))
    assert mean_score(exact, records) == mean_score(exact, shuffled) == sum(hits) / len(hits)
