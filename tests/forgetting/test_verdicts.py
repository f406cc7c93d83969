"""Verdicts on pairs of scores; what they promise is simulated in `test_promises`."""

import numpy as np
import pytest

from clbench.forgetting.verdicts import Pair, judge
from clbench.metrics.paired import advised

TOLERANCE, CHANGED = 0.02, 0.1


def binary(rng, records, *, drop=0.0, changed=CHANGED):
    """Scores of 0 and 1 before and after: a share of records changes, and more of them for the worse."""
    worse, better = (changed + drop) / 2, (changed - drop) / 2
    kind = rng.choice(4, size=records, p=[worse, better, 0.5 - worse / 2 - better / 2, 0.5 - worse / 2 - better / 2])
    before = np.isin(kind, (0, 2)).astype(float)
    after = np.isin(kind, (1, 2)).astype(float)
    return Pair(tuple(before), tuple(after))


def test_what_is_undecided_says_how_many_records_would_tell():
    rng = np.random.default_rng(1)
    (said,) = judge({"p": binary(rng, 60)}, tolerance=TOLERANCE)
    assert said.verdict == "undecided"
    assert said.needed > 60
    assert said.needed >= advised(0.0, tolerance=TOLERANCE)


@pytest.mark.parametrize(("records", "word"), [(20, "undecided"), (132, "undecided"), (133, "kept"), (500, "kept")])
@pytest.mark.parametrize("score", [1.0, 0.25])
def test_a_model_against_itself(records, word, score):
    same = Pair((score,) * records, (score,) * records)
    said = judge({"a": same, "b": same}, tolerance=TOLERANCE)
    assert [one.verdict for one in said[:2]] == [word, word]
    assert all(one.change == 0 and one.p == one.p_corrected == 1 and one.error == 0 for one in said)
    assert all(one.lost == one.gained == 0 for one in said)


def test_losses_are_better_when_they_are_smaller():
    rng = np.random.default_rng(4)
    before = rng.normal(3, 0.5, 200)
    moved = 0.3 + rng.uniform(-0.1, 0.1, 200)
    worse, better = (Pair(tuple(before), tuple(before + sign * moved), loss=True) for sign in (1, -1))
    said = {one.probe: one for one in judge({"worse": worse, "better": better}, tolerance=0.05)}
    assert set(said) == {"worse", "better"}  # nats and shares have no common mean
    assert (said["worse"].verdict, said["worse"].change > 0, said["worse"].lost) == ("lost", True, 200)
    assert (said["better"].verdict, said["better"].gained) == ("kept", 200)


def test_together_is_the_mean_of_the_means_with_the_errors_of_independent_sets():
    rng = np.random.default_rng(6)
    pairs = {"long": binary(rng, 400), "short": binary(rng, 50)}
    long, short, both = judge(pairs, tolerance=TOLERANCE)
    assert both.change == pytest.approx((long.change + short.change) / 2)
    assert both.error == pytest.approx(np.hypot(long.error, short.error) / 2)


def test_one_record_decides_nothing():
    (said,) = judge({"p": Pair((1.0,), (0.0,))}, tolerance=TOLERANCE)
    assert (said.verdict, said.error, said.p) == ("undecided", None, 1.0)
