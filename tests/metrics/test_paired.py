"""Paired tests against SciPy, enumeration and the likelihood's own maximum; what they promise, by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from clbench.metrics.paired import advised, drop_below, enough_flips, fewest, holm, mcnemar, sign_flip

COUNTS = st.integers(0, 60)


@given(COUNTS, COUNTS)
def test_mcnemar_is_the_exact_binomial_test(lost, gained):
    expected = stats.binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert mcnemar(lost, gained) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1).map(lambda one: round(one, 3)), min_size=1, max_size=8))
def test_few_changes_have_all_their_signs_tried(changes):
    sums = [
        abs(sum(s * c for s, c in zip(signs, changes, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(changes))
    ]
    expected = sum(one >= abs(sum(changes)) - 1e-9 for one in sums) / len(sums)
    assert sign_flip(changes) == pytest.approx(expected)


def test_many_changes_have_the_p_of_scipys_permutation_test():
    changes = np.random.default_rng(3).normal(0.12, 1, 200)
    expected = stats.permutation_test(
        (changes,), np.sum, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(5)
    ).pvalue
    assert sign_flip(changes.tolist()) == pytest.approx(expected, abs=0.015)


def test_more_draws_are_made_where_p_is_small_and_only_there():
    moved, strong = np.random.default_rng(3).normal(0.12, 1, 200).tolist(), [-1.0 - 0.001 * one for one in range(24)]
    assert sign_flip(moved, flips=40_000) == sign_flip(moved)
    assert sign_flip(strong) == pytest.approx(1 / 5000)
    assert sign_flip(strong, flips=40_000) == pytest.approx(1 / 40_001)
    assert enough_flips(0.05, 9) == 4999
    assert 1 / (enough_flips(0.05 / 40, 9) + 1) * 9 < 0.05 / 40 / 9


def test_zeros_and_ones_have_mcnemars_p_under_sign_flips():
    changes = [-1.0] * 7 + [1.0] * 3
    assert sign_flip(changes) == pytest.approx(mcnemar(7, 3))
    assert sign_flip([0.0] * 50) == mcnemar(0, 0) == 1.0


def test_holm_is_the_textbooks():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert holm({"a": 0.6, "b": 0.6}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@pytest.mark.parametrize(
    ("lost", "gained", "n", "tolerance"), [(9, 4, 120, 0.05), (0, 6, 90, 0.02), (12, 0, 400, 0.02)]
)
def test_the_drop_is_tested_by_the_score_at_the_restricted_maximum(lost, gained, n, tolerance):
    """Tango's closed form against a numerical maximum of the trinomial likelihood with lost - gained = tolerance."""

    def negative(q):
        rest = 1 - 2 * q - tolerance
        return -(lost * math.log(q + tolerance) + gained * math.log(q) + (n - lost - gained) * math.log(rest))

    found = optimize.minimize_scalar(
        negative, bounds=(1e-12, (1 - tolerance) / 2 - 1e-9), method="bounded", options={"xatol": 1e-12}
    )
    variance = (2 * found.x + tolerance - tolerance**2) / n
    expected = stats.norm.cdf(((lost - gained) / n - tolerance) / math.sqrt(variance))
    before = [1] * lost + [0] * gained + [1] * (n - lost - gained)
    after = [0] * lost + [1] * gained + [1] * (n - lost - gained)
    assert drop_below(before, after, tolerance=tolerance) == pytest.approx(expected, abs=1e-4)


def test_graded_scores_have_students_p():
    rng = np.random.default_rng(2)
    before, after = rng.random((2, 300))
    expected = stats.ttest_1samp(after - before, -0.05, alternative="greater").pvalue
    assert drop_below(before.tolist(), after.tolist(), tolerance=0.05) == pytest.approx(expected)


@pytest.mark.parametrize("tolerance", [0.01, 0.02, 0.1])
@pytest.mark.parametrize("score", [1.0, 0.5])
def test_no_change_at_all_needs_its_number_of_records(tolerance, score):
    enough = fewest(tolerance)
    assert drop_below([score] * enough, [score] * enough, tolerance=tolerance) < 0.0501
    assert drop_below([score] * (enough - 1), [score] * (enough - 1), tolerance=tolerance) > 0.05


def test_advice_grows_with_variance_and_sets_and_falls_with_tolerance():
    base = advised(0.2, tolerance=0.02)
    assert advised(0.4, tolerance=0.02) > base > advised(0.2, tolerance=0.04)
    assert advised(0.2, tolerance=0.02, comparisons=10**6) > base
    assert advised(0.0, tolerance=0.02) == fewest(0.02) == 133
