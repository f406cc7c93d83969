"""Intervals of paired differences: SciPy's numbers, what they cover, and printed sample sizes."""

import numpy as np
import pytest
from scipy import stats

from clbench.metrics.intervals import (
    FEWEST,
    RANKED,
    RESAMPLES,
    bootstrap,
    correlations_apart,
    expanded,
    pairs_to_tell,
    student,
)

DIFFERENCES = [0.02, 0.05, -0.01, 0.04, 0.03, 0.07, 0.0, 0.02]


def test_students_interval_is_scipys():
    theirs = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.95)
    assert student(DIFFERENCES) == pytest.approx((theirs.low, theirs.high))
    wide = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.99)
    assert student(DIFFERENCES, level=0.99) == pytest.approx((wide.low, wide.high))


def test_the_bootstrap_is_scipys_at_the_expanded_level():
    theirs = stats.bootstrap(
        (np.sort(DIFFERENCES),),
        np.mean,
        method="percentile",
        n_resamples=RESAMPLES,
        confidence_level=expanded(0.95, n=len(DIFFERENCES)),
        rng=np.random.default_rng(1234),
    ).confidence_interval
    assert bootstrap(DIFFERENCES) == pytest.approx((theirs.low, theirs.high))


def test_the_order_of_the_runs_changes_nothing():
    assert bootstrap(DIFFERENCES) == bootstrap(DIFFERENCES[::-1])


def test_few_runs_have_no_interval():
    assert student([0.1]) is None
    assert bootstrap(DIFFERENCES[: FEWEST - 1]) is None
    assert bootstrap(DIFFERENCES[:FEWEST]) is not None


@pytest.mark.parametrize("interval", [student, bootstrap])
@pytest.mark.parametrize("n", [8, 16])
def test_95_percent_of_intervals_cover_the_truth(interval, n):
    samples = np.random.default_rng(n).normal(0.03, 0.1, size=(1000, n)).tolist()
    covered = np.mean([low <= 0.03 <= high for low, high in map(interval, samples)])
    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_pairs_that_tell_are_those_of_the_printed_tables(effect, n):
    """Small, medium and large effects in Cohen's words; G*Power 3.1, paired t-test, two-sided."""
    shape = np.array([-1.0, 1.0] * 10)
    assert pairs_to_tell((shape / shape.std(ddof=1) + effect).tolist()) == n


def test_a_stricter_level_needs_more_pairs():
    assert pairs_to_tell(DIFFERENCES, level=0.01) > pairs_to_tell(DIFFERENCES)


def test_what_no_number_tells():
    assert pairs_to_tell([0.1]) is None
    assert pairs_to_tell([0.1, -0.1]) is None
    assert pairs_to_tell([1.0, -1.0 + 1e-4]) is None
    assert pairs_to_tell([0.5, 0.5]) == 2


def test_two_correlations_apart_are_scipys_over_the_same_resamples():
    drawn = np.random.default_rng(3).integers(0, 5, (3, 9)).astype(float)  # small numbers, so that ranks are shared
    places = np.random.default_rng(1234).integers(0, 9, (RESAMPLES, 9))[:RANKED]
    ranked = [stats.rankdata(one[places], axis=1) for one in drawn]
    with pytest.warns(stats.ConstantInputWarning):
        rho = [np.abs(np.nan_to_num(stats.pearsonr(one, ranked[2], axis=1).statistic)) for one in ranked[:2]]
    expected = np.percentile(rho[0] - rho[1], [2.5, 97.5])
    assert correlations_apart(*drawn) == pytest.approx(tuple(expected))
    assert correlations_apart(*drawn[:, : FEWEST - 1]) is None


def test_equal_correlations_are_not_apart():
    values = [0.1, 0.4, 0.2, 0.8, 0.5, 0.3, 0.9]
    assert correlations_apart(values, [-one for one in values], values) == (0.0, 0.0)
    assert correlations_apart(values, [1.0] * 7, values).low == pytest.approx(1.0)
