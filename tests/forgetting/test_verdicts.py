"""What the verdicts promise, by simulation: few false alarms, drops found at the advised number of records."""

import numpy as np
import pytest

from clbench.forgetting.verdicts import Pair, judge, planned
from clbench.metrics.paired import advised

PROBES, TRIALS, TOLERANCE, CHANGED = 8, 1000, 0.02, 0.1


def binary(rng, records, *, drop=0.0, changed=CHANGED):
    """Scores of 0 and 1 before and after: a share of records changes, and more of them for the worse."""
    worse, better = (changed + drop) / 2, (changed - drop) / 2
    kind = rng.choice(4, size=records, p=[worse, better, 0.5 - worse / 2 - better / 2, 0.5 - worse / 2 - better / 2])
    before = np.isin(kind, (0, 2)).astype(float)
    after = np.isin(kind, (1, 2)).astype(float)
    return Pair(tuple(before), tuple(after))


def graded(rng, records, *, drop=0.0):
    """Scores anywhere from 0 to 1, which move with the records' difficulty."""
    middle = rng.uniform(0.2, 0.8, records)
    before, after = (middle + rng.uniform(-0.2, 0.2, records) for _ in range(2))
    return Pair(tuple(before), tuple(after - drop))


def commands(make, *, probes=PROBES, trials=TRIALS, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        yield judge({f"p{number}": make(rng, number) for number in range(probes)}, tolerance=TOLERANCE)


def test_two_equal_models_lose_nothing_in_95_of_100_commands():
    said = commands(lambda rng, _: binary(rng, 100))
    assert sum(any(one.verdict == "lost" for one in command) for command in said) <= 0.05 * TRIALS


def test_two_equal_models_lose_no_graded_score_either():
    said = commands(lambda rng, _: graded(rng, 30), probes=2, trials=200)
    assert sum(any(one.verdict == "lost" for one in command) for command in said) <= 0.05 * 200


def test_a_drop_of_twice_the_tolerance_is_found_at_the_advised_number():
    records = planned(TOLERANCE, changed=CHANGED, sets=1)
    said = commands(lambda rng, _: binary(rng, records, drop=2 * TOLERANCE), probes=1)
    assert sum(one.verdict == "lost" for (one,) in said) >= 0.8 * TRIALS


def test_it_is_found_among_others_that_are_kept():
    records, trials = planned(TOLERANCE, changed=CHANGED, sets=PROBES), 15
    drops = [2 * TOLERANCE if number == 3 else 0.0 for number in range(PROBES)]
    said = list(commands(lambda rng, number: binary(rng, records, drop=drops[number]), trials=trials))
    assert sum(command[3].verdict == "lost" for command in said) >= 0.8 * trials
    others = [one.verdict for command in said for one in command[:PROBES] if one.probe != "p3"]
    assert others.count("kept") >= 0.8 * len(others)


def test_a_drop_of_the_tolerance_is_rarely_called_kept():
    wrong = [said[0].verdict for said in commands(lambda rng, _: binary(rng, 500, drop=TOLERANCE), probes=1)]
    assert wrong.count("kept") <= 0.06 * TRIALS  # Tango's test is one of large samples


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
