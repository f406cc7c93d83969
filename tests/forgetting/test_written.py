"""A comparison as text: every reader finds what it needs, and nothing from outside becomes markup."""

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from clbench.forgetting.requirements import parse
from clbench.forgetting.result import Changed, Demand, Forgotten
from clbench.forgetting.tokens import Divergence
from clbench.forgetting.verdicts import Pair, judge
from clbench.forgetting.written import cells, details, outcome, to_junit, to_markdown
from clbench.report.forgetting import render

EVIL = "</td><script>alert(1)</script> | **x** `y`"


@pytest.fixture
def found():
    pairs = {
        "probes/facts": Pair((1.0,) * 200, (1.0,) * 200),
        "probes/skills": Pair((1.0,) * 60, (0.0,) * 30 + (1.0,) * 30),
        "own/tickets": Pair((0.5,) * 20, (0.5,) * 20),
    }
    demands = [Demand(one, one.text.startswith("facts")) for one in parse(["facts >= base", "tickets >= .9"])]
    return Forgotten(
        base={"name": "base", "hash": "a"},
        tuned={"name": "tuned<b>", "hash": "b"},
        tolerance=0.02,
        verdicts=tuple(judge(pairs)),
        demands=tuple(demands),
        divergence={"probes/facts": Divergence(0.01, 0.001, 1200), "text": Divergence(0.2, None, 90)},
        drift={"relative_l2": 0.01, "moved": 0.5, "blocks": {"layers.0": 0.02, "layers.1": 0.0}},
        changed=(Changed("own/tickets", 3, EVIL, "A", "A", EVIL, 1.0, 0.0),),
        overlap={"probes/facts": {"touched": 2, "of": 200, "too_short": 7, "equal_prompts": 1, "equal_pairs": 0}},
        notes=("facts: read otherwise",),
        seconds=12.3,
    )


def test_a_row_says_it_all(found):
    kept, lost, undecided, _ = map(cells, found.verdicts)
    assert kept | {"probe": "facts", "records": "200", "change": "+0.000 ± 0.000", "verdict": "kept"} == kept
    assert (
        lost | {"base": "1.000", "tuned": "0.500", "p": "< .001", "lost": "30", "gained": "0", "verdict": "lost"}
        == lost
    )
    assert undecided["verdict"] == "undecided (133 records would tell)"


def test_the_gate_names_what_is_lost_and_what_is_not_met(found):
    assert found.lost == ("probes/skills is lost", "together is lost", "not met: tickets >= .9")
    assert outcome(found) == "; ".join(found.lost)
    fine = dataclasses.replace(found, verdicts=found.verdicts[:1], demands=())
    assert outcome(fine) == "nothing is lost"


def test_details_name_all_that_was_measured(found):
    told = "\n".join(details(found))
    for part in (
        "0.01 ± 0.001 nats",
        "on text: 0.2 nats",
        "most in layers.0 0.02",
        "2 of 200 records",
        "NOT MET",
        "note: ",
    ):
        assert part in told


def test_junit_counts_tests_failures_and_what_is_undecided(found):
    suite = ET.fromstring(to_junit(found))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "3", "1")
    assert suite.find("testcase[@name='probes/skills']/failure").get("message").startswith("records 60, base 1.000")


def test_nothing_from_outside_becomes_markup(found):
    page, text = render(found), to_markdown(found)
    assert "<script>" not in page
    assert "<script>" not in text
    assert "tuned&lt;b&gt;" in page
    assert text.count("\n| ") == len(found.verdicts) + 2  # heading, rule, rows
    ET.fromstring(page.replace("<!DOCTYPE html>", "", 1))


def test_the_same_comparison_gives_the_same_page(found):
    assert render(found) == render(found)
    assert "Drift by layer" in render(found)
