"""Paired comparisons, against scipy's paired t-test."""

import pytest
from scipy import stats

from clbench.base.errors import UnknownNameError
from clbench.boards.compare import compare
from clbench.metrics.statistics import paired_p
from clbench.plugins.registry import registry

FINAL = {"mofo": [0.5, 0.7, 0.65], "sequential": [0.4, 0.5, 0.6]}


@pytest.fixture
def records(make_record):
    made = [
        make_record(method, seed=seed, final=(value, 0.8))
        for method, values in FINAL.items()
        for seed, value in enumerate(values)
    ]
    return [*made, make_record("hft", seed=7, final=(0.1, 0.1))]


def run(records, *pairs, **options):
    return compare(records, pairs=pairs, summaries=registry().summary_specs(), **options)


def test_a_difference_is_that_of_the_pairs(records):
    (one,) = run(records, ("mofo", "sequential"), metrics=["op"])
    theirs = stats.ttest_rel(FINAL["mofo"], FINAL["sequential"])  # halved values: the same t
    assert one.difference.mean == pytest.approx((0.1 + 0.2 + 0.05) / 3 / 2)
    assert one.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert one.difference.spread == pytest.approx((high - low) / 4)
    assert (one.value.n, one.method, one.baseline) == (3, "mofo", "sequential")


def test_p_of_few_or_equal_pairs():
    assert paired_p([1.0], [0.0]) is None
    assert paired_p([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert paired_p([1.0, 2.0], [0.0, 1.0]) == 0.0


def test_what_was_not_measured_is_left_out(records):
    assert [one.metric for one in run(records, ("mofo", "sequential"), metrics=["op", "retention.facts"])] == ["op"]


def test_names_that_mean_nothing(records):
    with pytest.raises(UnknownNameError, match="no row 'mofu'; did you mean 'mofo'"):
        run(records, ("mofu", "sequential"))
    for metric in ("oq", "cost.stepps", "cost.device", "footprint.no", "drift.relative_l3", "lenient.x"):
        with pytest.raises(UnknownNameError, match=f"no metric '{metric}'"):
            run(records, ("mofo", "sequential"), metrics=[metric])


@pytest.mark.parametrize("metric", ["lenient.op", "cost.steps", "footprint.extra_passes", "drift.relative_l2"])
def test_every_family_of_metrics_is_known(records, metric):
    run(records, ("mofo", "sequential"), metrics=[metric])


def test_rows_without_a_name_or_a_pair(records):
    with pytest.raises(UnknownNameError):
        run(records, ("mofu", "sequential"))
    with pytest.raises(UnknownNameError, match="no seed and order in common"):
        run(records, ("mofo", "hft"))


def test_the_command(records, call, tmp_path):
    for record in records:
        record.save(record.path(tmp_path))
    told = call("compare", "mofo:sequential", "--metric", "op", "--leaderboards-dir", tmp_path)
    assert told.code == 0, told.err
    assert "+0.058" in told.out
    found = call("compare", "mofo:sequential", "--leaderboards-dir", tmp_path, "--json").json
    assert {one["metric"] for one in found} >= {"op", "bwt.gem"}
    wrong = call("compare", "mofo", "--leaderboards-dir", tmp_path)
    assert wrong.code == 2
    assert "METHOD:BASELINE" in wrong.err
