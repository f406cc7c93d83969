"""Paired comparisons, against scipy's paired t-test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clbench.base.errors import UnknownNameError
from clbench.boards.compare import against, compare
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


def test_intervals_and_holm_over_the_table_are_scipys(make_record):
    values = {"sequential": [0.1, 0.2, 0.15, 0.3, 0.2, 0.25], "mofo": [0.4, 0.45, 0.5, 0.5, 0.55, 0.6]}
    values["hft"] = [0.12, 0.18, 0.2, 0.28, 0.15, 0.3]
    records = [
        make_record(method, seed=seed, final=(value, 0.8))
        for method, finals in values.items()
        for seed, value in enumerate(finals)
    ]
    found = {one.method: one for one in run(records, *against(records, "sequential"), metrics=["op"])}
    assert set(found) == {"mofo", "hft"}
    p = {name: stats.ttest_rel(values[name], values["sequential"]).pvalue for name in found}
    assert found["mofo"].p_holm == pytest.approx(2 * p["mofo"])
    assert found["hft"].p_holm == pytest.approx(p["hft"])
    assert (found["mofo"].verdict, found["hft"].verdict) == ("higher", "cannot tell")
    assert found["hft"].t_interval.low < 0 < found["hft"].t_interval.high
    assert found["mofo"].bootstrap.low > 0
    assert found["hft"].needed > 100 > found["mofo"].needed


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6))
def test_nothing_is_told_where_the_interval_holds_zero(make_record, steps):
    records = [make_record("sequential", seed=seed, final=(0.5, 0.5)) for seed in range(len(steps))]
    records += [make_record("mofo", seed=seed, final=(0.5 + step / 100, 0.5)) for seed, step in enumerate(steps)]
    (one,) = run(records, ("mofo", "sequential"), metrics=["op"])
    low, high = one.t_interval
    assert (one.verdict == "cannot tell") == (low <= 0 <= high or one.p_holm >= 0.05)


def test_any_row_can_be_the_baseline(records, call, tmp_path):
    for record in records:
        record.save(record.path(tmp_path))
    found = call("compare", "--baseline", "mofo", "--metric", "op", "--leaderboards-dir", tmp_path, "--json").json
    (one,) = found
    assert (one["method"], one["baseline"], one["verdict"]) == ("sequential", "mofo", "cannot tell")
    assert "front" in call("compare", "--pareto", "--metric", "op", "--leaderboards-dir", tmp_path).out
    both = call("compare", "mofo:sequential", "--baseline", "mofo", "--leaderboards-dir", tmp_path)
    assert (both.code, both.err.count("\n")) == (2, 1)


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
