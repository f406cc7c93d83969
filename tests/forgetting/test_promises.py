"""What the verdicts promise, by simulation: few false alarms, and drops found at the advised number of records."""

import numpy as np
import pytest
from promises import LOOKS, TOLERANCE, alarms, binary, commands, graded, needed, pair, share

from clbench.forgetting.looks import Plan
from clbench.forgetting.verdicts import judge

KINDS = pytest.mark.parametrize("make", [binary, graded], ids=["binary", "graded"])


@KINDS
def test_two_equal_models_lose_nothing_in_95_of_100_commands(make):
    trials, probes, records = (500, 8, 100) if make is binary else (300, 3, 40)
    said = commands(make, trials=trials, probes=probes, records=records)
    assert share("lost", said) <= 0.05 * trials


@KINDS
def test_a_drop_of_twice_the_tolerance_is_found_at_the_advised_number(make):
    trials = 300 if make is binary else 100
    said = commands(make, trials=trials, probes=1, records=needed(make), drops=(2 * TOLERANCE,))
    assert share("lost", said) >= 0.8 * trials


def test_it_is_found_among_others_that_are_kept():
    said = list(commands(binary, trials=8, probes=8, records=needed(binary, probes=8), drops=(2 * TOLERANCE,)))
    assert sum(words[0] == "lost" for words in said) >= 6
    others = [word for words in said for word in words[1:8]]
    assert others.count("kept") >= 0.65 * len(others)  # 0.79 are to be expected, with an error of 0.05


def test_a_drop_of_the_tolerance_is_rarely_called_kept():
    said = commands(binary, trials=500, probes=1, records=500, drops=(TOLERANCE,))
    assert share("kept", said) <= 35  # Tango's test is one of large samples


@KINDS
def test_forty_looks_at_an_unchanged_model_make_no_false_alarms(make):
    trials = 1000 if make is binary else 100
    assert alarms(make, trials=trials, looks=LOOKS, records=64) <= 0.05 * trials


@KINDS
def test_a_drop_of_twice_the_tolerance_is_found_in_one_of_forty_looks(make):
    trials = 200 if make is binary else 10
    found = alarms(make, trials=trials, looks=LOOKS, records=needed(make, looks=LOOKS), drop=2 * TOLERANCE)
    assert found >= 0.8 * trials


def test_a_graded_probe_among_eight_can_still_be_lost_at_one_of_many_looks():
    """The level of a look is far below what 4,999 draws could show."""
    rng = np.random.default_rng(2)
    pairs = {
        f"p{number}": pair(*(one.ravel() for one in graded(rng, 1, 64, 0.4 * (number == 0)))) for number in range(8)
    }
    look = Plan(200, TOLERANCE).judge(1, pairs)
    assert look.lost[0].probe == "p0"
    assert look.verdicts[0].p_corrected < 0.05 / 200
    assert judge(pairs, tolerance=TOLERANCE)[0].p == pytest.approx(1 / 5000)
