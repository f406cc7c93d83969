"""Measured choices: which is chosen, and what is refused."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.scoring.choices import (
    Choice,
    dumps,
    is_tied,
    likelihood,
    likelihood_per_byte,
    likelihood_per_token,
    loads,
    stated,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), FINITE, st.integers(1, 10**6)),
    min_size=1,
)


def score(scorer, prediction: str, answer: str) -> float:
    return scorer(prompt="", prediction=prediction, answer=answer)


@given(ROWS)
def test_what_is_written_is_read_back_exactly(rows) -> None:
    text = dumps(*zip(*rows, strict=True))
    assert "\n" not in text
    assert loads(text) == [Choice(*row) for row in rows]
    assert json.loads(text) == [list(row) for row in rows]


def test_each_scorer_divides_by_its_own_length() -> None:
    # nats, nats a byte, nats a token: a -6, -6, -6; "bb bb" -10, -2, -5; "üüü" (6 bytes) -14.4, -2.4, -1.2
    prediction = dumps([" a ", "bb bb", "üüü"], [-6.0, -10.0, -14.4], [1, 2, 12])
    chosen = {scorer: [score(scorer, prediction, answer) for answer in ("a", "bb bb", " üüü")]
              for scorer in (likelihood, likelihood_per_byte, likelihood_per_token)}  # fmt: skip
    assert list(chosen.values()) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


SCORERS = (likelihood, likelihood_per_byte, likelihood_per_token)


def test_equal_choices_give_the_expected_score_of_a_draw() -> None:
    prediction = dumps(["x", "y", "z", "w"], [-1.0, -1.0, -1.0, -1.5], [1, 1, 1, 1])
    for scorer in SCORERS:
        assert [score(scorer, prediction, answer) for answer in "xyzw"] == [1 / 3, 1 / 3, 1 / 3, 0]
        assert is_tied(prediction, scorer=scorer.__name__)


def test_a_model_of_constant_logits_scores_chance_wherever_the_right_choice_stands() -> None:
    """Sums of equal numbers, as fp32 makes them: what differs by rounding alone is equal."""
    nats = [sum([np.float32(-math.log(320))] * n, start=np.float32(0)) for n in (3, 7, 11)]
    prediction = dumps(["abc", "abcdefg", "abcdefghijk"], nats, [3, 7, 11])
    assert len({one / n for one, n in zip(nats, (3, 7, 11), strict=True)}) > 1
    for scorer in (likelihood_per_byte, likelihood_per_token):
        assert score(scorer, prediction, "abc") == score(scorer, prediction, "abcdefghijk") == 1 / 3
    assert score(likelihood, prediction, "abc") == 1


def test_a_choice_that_stands_twice_is_right_twice() -> None:
    prediction = dumps(["x", "y", " x"], [-1.0, -1.0, -1.0], [1, 1, 1])
    assert score(likelihood, prediction, "x") == pytest.approx(2 / 3)


def test_only_measured_choices_can_be_tied() -> None:
    assert not is_tied("some text", scorer="exact")
    assert not is_tied(dumps(["x", "y"], [-1.0, -1.1], [1, 1]), scorer="likelihood")
    assert is_tied(dumps(["x", "yy"], [-1.0, -2.0], [1, 1]), scorer="likelihood_per_byte")


@given(st.lists(st.tuples(st.floats(-100, 0), st.integers(1, 9)), min_size=1, max_size=5))
def test_the_chosen_ones_are_no_worse_than_any_other(measured) -> None:
    texts = [f"c{i}" * (i + 1) for i in range(len(measured))]
    prediction = dumps(texts, [nats for nats, _ in measured], [n for _, n in measured])
    for scorer, lengths in (
        (likelihood, [1] * len(texts)),
        (likelihood_per_byte, [len(text) for text in texts]),
        (likelihood_per_token, [n for _, n in measured]),
    ):
        means = [nats / length for (nats, _), length in zip(measured, lengths, strict=True)]
        best = [math.isclose(mean, max(means), rel_tol=1e-6) for mean in means]
        scores = [score(scorer, prediction, text) for text in texts]
        assert scores == [one / sum(best) for one in best]
        assert sum(scores) == pytest.approx(1)
        assert is_tied(prediction, scorer=scorer.__name__) == (sum(best) > 1)


@pytest.mark.parametrize(
    ("prediction", "what"),
    [
        ("", "Invalid JSON"),
        ("The answer is (A).", "Invalid JSON"),
        ("[]", "at least 1 item"),
        ('{"a": 1}', "list"),
        ('[["a", -1.0]]', "0.2: Field required"),
        ('[["a", -1.0, 1, 1]]', "0"),
        ('[["a", NaN, 1]]', "0.1: Input should be a finite number"),
        ('[["a", -Infinity, 1]]', "0.1"),
        ('[["a", "-1", 1]]', "0.1: Input should be a valid number"),
        ('[["a", -1.0, 0]]', "0.2: Input should be greater than 0"),
        ('[["a", -1.0, 1], [" ", -1.0, 1]]', "1.0"),
        ('[[1, -1.0, 1]]', "0.0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scorer", [likelihood, likelihood_per_byte, likelihood_per_token])
def test_another_form_is_refused_with_its_place(scorer, prediction: str, what: str) -> None:
    with pytest.raises(DataError) as caught:
        score(scorer, prediction, "a")
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_that_is_no_choice_is_refused() -> None:
    with pytest.raises(DataError, match="the answer 'c' is none of the choices 'a', 'b'"):
        score(likelihood, dumps(["a", "b"], [-1.0, -2.0], [1, 1]), "c")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (([], [], []), "at least 1 item"),
        ((["a"], [math.nan], [1]), "finite"),
        ((["a"], [-math.inf], [1]), "finite"),
        ((["a"], [-1.0], [0]), "greater than 0"),
        (([""], [-1.0], [1]), "pattern"),
    ],
)
def test_nothing_is_written_that_could_not_be_read(arguments, what: str) -> None:
    with pytest.raises(DataError, match=what):
        dumps(*arguments)


def test_one_number_for_each_choice() -> None:
    with pytest.raises(ValueError, match="shorter"):
        dumps(["a", "b"], [-1.0], [1, 1])


@given(st.floats(0, 1), st.text(max_size=5))
def test_stated_returns_the_score(value: float, response: str) -> None:
    assert score(stated, json.dumps({"response": response, "score": value}), "whatever") == value


@pytest.mark.parametrize(
    "prediction",
    ["", "0.5", "[]", '{"score": 1}', '{"response": "a"}', '{"response": "a", "score": 1.5}',
     '{"response": "a", "score": -0.1}', '{"response": "a", "score": NaN}', '{"response": "a", "score": true}',
     '{"response": "a", "score": "1"}'],
)  # fmt: skip
def test_stated_refuses_what_is_no_score(prediction: str) -> None:
    with pytest.raises(DataError, match="response"):
        score(stated, prediction, "a")
