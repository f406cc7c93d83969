"""The rule that picks a trial: the best mean, above every floor; of equals the first."""

import pytest

from clbench.base.errors import OptionError, RunError
from clbench.metrics.matrix import ResultMatrix
from clbench.plans.choosing import Choice, Scored, check_rule, choose, scored
from clbench.plugins.registry import registry
from clbench.spec.plan import Search

SPECS = registry().summary_specs()


def matrix(final, *, facts=(1.0, 1.0, 1.0)):
    return ResultMatrix(("a", "b"), ((0.5, None), final), probes={"probes/facts": facts})


def trial(op, kept, *, name=0):
    return Scored({"x": name}, {"op": op, "retention.facts": kept})


def test_a_trial_is_scored_by_the_mean_over_its_seeds():
    search = Search(floor={"retention.facts": 0.5})
    made = scored({"x": 1}, [matrix((0.2, 0.4)), matrix((0.6, 0.8), facts=(1.0, 1.0, 0.5))], search, SPECS)
    assert made.values["op"] == pytest.approx(0.5)
    assert made.values["retention.facts"] == pytest.approx(0.75)
    assert scored({"x": 1}, [matrix((0.2, 0.4)), None], search, SPECS).values == {"op": None, "retention.facts": None}


def test_the_best_that_keeps_the_floor_is_chosen():
    trials = [trial(0.3, 0.95, name=1), trial(0.5, 0.6, name=2), trial(0.4, 0.9, name=3), trial(0.4, 0.9, name=4)]
    trials.append(trial(None, 0.9, name=5))
    assert choose("m", trials, Search(), SPECS).point == {"x": 2}
    assert choose("m", trials, Search(floor={"retention.facts": 0.9}), SPECS).point == {"x": 3}
    with pytest.raises(RunError, match=r"m: none of its 5 trials has op and retention\.facts ≥ 0\.99"):
        choose("m", trials, Search(floor={"retention.facts": 0.99}), SPECS)


def test_lower_is_better_where_a_summary_says_so():
    name = next(one.name for one in SPECS if not one.higher_is_better)
    trials = [Scored({"x": 1}, {name: 0.3}), Scored({"x": 2}, {name: 0.1})]
    assert choose("m", trials, Search(pick=name), SPECS).point == {"x": 2}


def test_unknown_summaries_are_named():
    with pytest.raises(OptionError, match=r"search\.pick: no summary 'opp'"):
        check_rule(Search(pick="opp"), SPECS)
    with pytest.raises(OptionError, match=r"search\.floor: no summary 'retention'"):
        check_rule(Search(floor={"retention": 1}), SPECS)


def test_what_was_chosen_at_the_edge_of_what_was_tried_is_known():
    points = [
        {"m.rate": rate, "m.way": way, "m.on": on}
        for rate, way, on in ((1, "a", True), (2, "b", False), (3.5, "a", True))
    ]
    trials = [Scored(point, {}) for point in points]
    assert [Choice("m", point, trials).edges for point in points] == [{"m.rate": "lowest"}, {}, {"m.rate": "highest"}]
    assert Choice("m", points[0], trials[:1]).edges == {}, "nothing else was tried"
    nested = [Scored({"m": {"rate": rate, "way": "a"}}, {}) for rate in (1, 2)]
    assert Choice("m", nested[1].point, nested).edges == {"m.rate": "highest"}, "as records have it"
    assert Choice("m", {}, [Scored({}, {})]).edges == {}
