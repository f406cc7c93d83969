"""Means, spreads and paired intervals against NumPy and SciPy's own."""

from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clbench.metrics.statistics import (
    Estimate,
    deviation,
    mean_std,
    paired_difference,
    rank_correlation,
    t_quantile,
)

VALUES = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=2, max_size=12)


@given(VALUES)
def test_mean_and_sample_standard_deviation(values):
    estimate = mean_std(values)
    assert estimate.mean == pytest.approx(np.mean(values))
    assert estimate.spread == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    assert estimate.n == len(values)


def test_one_value_has_no_spread():
    assert mean_std([0.5]) == paired_difference([0.75], [0.25]) == Estimate(0.5, None, 1)


@given(st.lists(st.tuples(*[st.integers(0, 1000).map(lambda n: n / 1000)] * 2), min_size=2, max_size=12))
def test_paired_difference_has_the_95_percent_t_interval(pairs):
    values, baseline = map(np.array, zip(*pairs, strict=True))
    estimate = paired_difference(values, baseline)
    differences = values - baseline
    if np.ptp(differences) < 1e-9:
        assert estimate.spread == pytest.approx(0, abs=1e-9)
        return
    interval = stats.ttest_rel(values, baseline).confidence_interval(0.95)
    assert estimate.mean - estimate.spread == pytest.approx(interval.low, abs=1e-9)
    assert estimate.mean + estimate.spread == pytest.approx(interval.high, abs=1e-9)


def test_a_constant_difference_is_certain():
    assert paired_difference([0.5, 0.75, 1.0], [0.25, 0.5, 0.75]) == Estimate(0.25, 0.0, 3)


def test_pairs_must_be_pairs():
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([0.1, 0.2], [0.1])


def test_the_quantiles_that_are_written_down_are_those_of_scipy():
    from scipy.special import stdtrit

    degrees = range(-1, 25)  # none of them below 1 has a quantile
    found = [t_quantile(0.975, freedom=one) for one in degrees]
    assert found == pytest.approx([float(stdtrit(one, 0.975)) for one in degrees], rel=1e-14, nan_ok=True)


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.706), (2, 4.303), (4, 2.776), (30, 2.042)])
def test_quantiles_of_the_printed_table(freedom, value):
    assert t_quantile(0.975, freedom=freedom) == pytest.approx(value, abs=5e-4)


@given(st.lists(st.floats(-1e12, 1e12) | st.floats(0, 1) | st.integers(0, 9).map(float), min_size=2, max_size=30))
def test_deviation_has_the_bits_of_the_standard_library(values):
    assert deviation(values) == stdev(values)


@pytest.mark.parametrize("values", [[5e-324, 0.0], [1e300, -1e300], [1e-300, 1e300, 3.0], [0.1] * 3], ids=str)
def test_deviation_of_the_smallest_and_largest(values):
    assert deviation(values) == stdev(values)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=12))
def test_rank_correlation_is_scipys(pairs):
    first, second = ([float(value) for value in one] for one in zip(*pairs, strict=True))
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)
