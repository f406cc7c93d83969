"""Which rows nothing beats: against the definition, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import RecordError
from clbench.boards.pareto import dominates, pareto
from clbench.plugins.registry import registry

POINTS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=8)


@given(POINTS)
def test_something_is_always_on_the_front_and_beats_all_that_is_not(points):
    front = [one for one in points if not any(dominates(other, one) for other in points)]
    assert front
    assert all(one in front or any(dominates(other, one) for other in front) for one in points)


def test_a_point_does_not_beat_itself_nor_what_is_better_somewhere():
    assert not dominates([1, 2], [1, 2])
    assert not dominates([2, 0], [1, 1])
    assert dominates([1, 2], [1, 1])


@pytest.fixture
def records(make_record):
    def costs(seconds):
        part = make_record().costs
        return part.model_copy(update={"train_seconds": seconds}).model_dump()

    return [
        make_record("sequential", final=(0.2, 0.4), costs=costs(10.0)),
        make_record("mofo", final=(0.5, 0.7), costs=costs(20.0)),
        make_record("hft", final=(0.5, 0.6), costs=costs(30.0)),
        make_record("joint", final=(0.9, 0.9), costs=costs(5.0)),
    ]


def test_better_or_cheaper_is_on_the_front_and_bounds_take_no_part(records):
    found = {one.method: one for one in pareto(records, summaries=registry().summary_specs())}
    assert [name for name, one in found.items() if one.on_front] == ["mofo", "sequential"]
    assert found["hft"].beaten_by == ("mofo",)
    assert found["joint"].bound
    assert found["mofo"].numbers == {"op": pytest.approx(0.6), "cost.train_seconds": 20.0}


def test_what_nobody_measured_is_refused(records):
    with pytest.raises(RecordError, match=r"no run has measured any of retention\.facts"):
        pareto(records, summaries=registry().summary_specs(), keys=["retention.facts"])


def test_a_row_that_lacks_what_others_have_is_named(records, make_record):
    more = [*records, make_record("ewc", probes={"probes/facts": [1.0, 0.9, 0.8]})]
    with pytest.raises(RecordError, match=r"has no retention\.facts, which others have; choose columns"):
        pareto(more, summaries=registry().summary_specs())
