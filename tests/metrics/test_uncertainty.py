"""Standard errors against closed forms, NumPy and SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.metrics.uncertainty import mean_error, paired_error, standard_error

BITS = st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=40)


@given(BITS)
def test_zeros_and_ones_have_the_binomial_error(bits):
    assert standard_error(bits) == pytest.approx(stats.sem(bits), abs=1e-12)


def test_the_published_form():
    assert standard_error([1] * 30 + [0] * 70) == pytest.approx(math.sqrt(0.3 * 0.7 / 99))


@pytest.mark.parametrize("draw", ["uniform", "exponential", "beta"])
@pytest.mark.parametrize("n", [50, 1500, 15_000])
def test_a_bootstrap_is_near_the_closed_form(draw, n):
    generator = np.random.default_rng(7)
    values = generator.beta(0.3, 0.3, n) if draw == "beta" else getattr(generator, draw)(size=n)
    # The bootstrap's own error is 1 / sqrt(2 * 1000) = 2.2 %; four of those, and the factor sqrt((n - 1) / n).
    assert standard_error(values.tolist()) == pytest.approx(values.std() / math.sqrt(n), rel=0.09)


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.randoms())
def test_neither_a_second_call_nor_the_order_matters(values, random):
    shuffled = random.sample(values, len(values))
    assert standard_error(values) == standard_error(values) == standard_error(shuffled)


def test_how_many_are_drawn_at_once_is_of_no_consequence(monkeypatch):
    values = np.random.default_rng(0).random(321).tolist()
    whole = standard_error(values)
    monkeypatch.setattr("clbench.metrics.uncertainty._DRAWS_AT_ONCE", 321 * 7)
    assert standard_error(values) == pytest.approx(whole, rel=1e-12)


def test_many_records_take_little_memory():
    import tracemalloc

    values = np.random.default_rng(0).random(15_000).tolist()
    standard_error([0.25, 0.5])  # imports numpy's generators
    tracemalloc.start()
    standard_error(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_equal_scores_are_certain_and_one_is_unknown():
    assert standard_error([0.3] * 9) == pytest.approx(0, abs=1e-15)
    assert standard_error([1, 1]) == 0
    assert standard_error([1]) is standard_error([0.5]) is paired_error([1], [0]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30))
def test_a_paired_error_is_that_of_the_differences(pairs):
    before, after = zip(*pairs, strict=True)
    expected = stats.sem(np.array(after) - np.array(before))
    assert paired_error(before, after) == pytest.approx(expected, abs=1e-9)
    assert paired_error(after, before) == pytest.approx(expected, abs=1e-9)


def test_pairs_that_move_together_have_no_error():
    assert paired_error([0.25, 0.5, 0.75], [0.5, 0.75, 1.0]) == 0


def test_the_error_of_a_mean():
    assert mean_error([0.03, 0.04]) == pytest.approx(0.025)
    assert mean_error([0.2]) == pytest.approx(0.2)
    assert mean_error([0.03, None]) is None
    assert mean_error([0.1] * 4) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "call",
    [
        lambda: standard_error([]),
        lambda: standard_error([0.5, math.nan]),
        lambda: standard_error([0.5, math.inf]),
        lambda: paired_error([], []),
        lambda: paired_error([1, 0], [1]),
        lambda: mean_error([]),
    ],
)
def test_nothing_has_no_error(call):
    with pytest.raises(ValueError, match=r"needs|shorter"):
        call()
