"""What users demand: every form that is promised, and what is none."""

import dataclasses

import pytest

from clbench.base.errors import OptionError, UnknownNameError
from clbench.forgetting.requirements import check_names, parse
from clbench.forgetting.verdicts import Pair, judge


@pytest.fixture
def verdict():
    (one,) = judge({"probes/gsm8k": Pair((1.0, 1.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0, 1.0))})
    assert (one.base, one.tuned) == (0.6, 0.4)
    return one


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("gsm8k >= base - .03", False),
        ("gsm8k >= base - .2", True),
        ("gsm8k > base - .2", False),
        ("probes/gsm8k>=base-0.25", True),
        ("gsm8k >= .4", True),
        ("gsm8k > .4", False),
        ("gsm8k >= base", False),
        ("gsm8k <= base + .1", True),
        ("gsm8k < .4", False),
    ],
)
def test_a_demand_is_met_or_not(verdict, text, holds):
    (one,) = parse([text])
    assert one.is_of(verdict.probe)
    assert one.holds(verdict) is holds


def test_rounding_in_the_last_places_decides_nothing(verdict):
    (one,) = parse(["gsm8k >= base - .3"])
    assert one.holds(dataclasses.replace(verdict, base=0.1 + 0.2, tuned=0.0))


@pytest.mark.parametrize("text", ["", "gsm8k", "gsm8k = base", "gsm8k >= base * 2", ">= .3", "gsm8k >= base - x"])
def test_what_is_no_demand_is_refused(text):
    with pytest.raises(OptionError, match="must be like"):
        parse([text])


def test_a_demand_of_what_is_not_asked_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'gsm8k'"):
        check_names(parse(["gsm9k >= .3"]), ["probes/gsm8k", "probes/mmlu"])
