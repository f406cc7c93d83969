"""The page's pictures of forgetting over KL and over drift: which runs, where, and what is said of them."""

import xml.etree.ElementTree as ET

import pytest

from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, render


@pytest.fixture
def runs(make_record):
    """Records of one board whose forgetting rises with KL and falls with drift."""

    def make(number, *, kl=True):
        drift = {"relative_l2": 0.1 - 0.01 * number, **({"kl": 0.01 * number} if kl else {})}
        return make_record(seed=number, final=(0.5 - 0.01 * number, 0.8), drift=drift)

    return lambda count, **how: [make(number, **how) for number in range(count)]


def page(records):
    shown = render([of_record(one) for one in records], summaries=SUMMARIES)
    return ET.fromstring(shown.partition("\n")[2])


def test_a_board_of_three_runs_says_what_explains_forgetting(runs):
    (found,) = page(runs(4)).findall(".//div[@class='explained']")
    told = [" ".join(one.itertext()) for one in found.iter("figcaption")]
    assert "KL from the base" in told[0]
    assert "rank correlation +1.00 over 4 runs" in told[0]
    assert "rank correlation -1.00 over 4 runs" in told[1]
    assert [len(list(svg.iter("circle"))) for svg in found.iter("svg")] == [4, 4]


def test_fewer_runs_or_none_with_kl_say_nothing(runs):
    assert page(runs(2)).find(".//div[@class='explained']") is None
    assert page(runs(4, kl=False)).find(".//div[@class='explained']") is None
