"""Numbers as a board shows them."""

import pytest

from clbench.boards.values import cell
from clbench.metrics.statistics import Estimate


def estimate(mean, spread=None):
    return Estimate(mean=mean, spread=spread, n=1 if spread is None else 3)


@pytest.mark.parametrize(
    ("key", "mean", "spread", "shown"),
    [
        ("op", 0.25, None, "0.250"),
        ("op", 0.25, 0.0104, "0.250 ± 0.010"),
        ("bwt", -0.0004, 0.01, "0.000 ± 0.010"),
        ("bwt", -0.0006, 0.01, "-0.001 ± 0.010"),
        ("vs.op", -0.0004, None, "+0.000"),
        ("vs.op", 0.0206, None, "+0.021"),
    ],
)
def test_no_number_is_less_than_nothing(key, mean, spread, shown):
    assert cell(key, estimate(mean, spread)) == shown


def test_what_there_is_not_is_a_dash():
    assert cell("op", None) == "–"
