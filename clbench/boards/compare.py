"""Methods of one board against others, on the same seeds and orders: paired differences with intervals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from clbench.base.errors import UnknownNameError, unknown_name
from clbench.boards.values import Row, Run, Values, rows_of
from clbench.metrics.intervals import LEVEL, Interval, bootstrap, pairs_to_tell, student
from clbench.metrics.paired import holm
from clbench.metrics.statistics import Estimate, mean_std, paired_difference, paired_p
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Costs, FootprintPart, Record

Verdict = Literal["higher", "lower", "cannot tell"]
METRICS = ("op", "bwt.gem", "learning_accuracy", "retention.facts", "drift.relative_l2", "cost.train_seconds")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two methods.

    Args:
        method: what is compared.
        baseline: with what.
        metric: key of a board's column.
        value: the method's mean and sample standard deviation over the pairs.
        base: the baseline's.
        difference: mean of the pairwise differences, and half the width of their 95 % t-interval.
        p: of the paired t-test, two-sided; not corrected for the number of comparisons.
        t_interval: that interval; None for one pair.
        bootstrap: the 95 % bootstrap interval; None for fewer than six pairs.
        p_holm: p after Holm's correction over all comparisons that were made together.
        verdict: of the method against the baseline: `cannot tell` unless the corrected p is below 0.05, and so
            whenever the t-interval holds zero.
        needed: pairs of which such a difference would be found with 80 % power at the level that Holm's first step
            has; None where no reasonable number would do.
    """

    method: str
    baseline: str
    metric: str
    value: Estimate
    base: Estimate
    difference: Estimate
    p: float | None
    t_interval: Interval | None = None
    bootstrap: Interval | None = None
    p_holm: float | None = None
    verdict: Verdict = "cannot tell"
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The numbers of one comparison, pair by pair."""

    method: str
    baseline: str
    metric: str
    own: tuple[float, ...]
    base: tuple[float, ...]


def compare(
    records: Sequence[Record],
    *,
    pairs: Sequence[tuple[str, str]],
    summaries: Sequence[SummarySpec],
    metrics: Sequence[str] = METRICS,
) -> list[Comparison]:
    """Compare pairs of rows, metric by metric; what neither measured is left out.

    Args:
        records: of one board.
        pairs: method and baseline, each as its row is called, or by its name where one row only has it.
        summaries: functions of R.
        metrics: keys of columns.

    Raises:
        UnknownNameError: no such row or metric, or no seed and order that both ran.
    """
    check_metrics(metrics, summaries, records)
    rows, chosen = rows_of(records), []
    for method, baseline in pairs:
        one, other = _row(rows, method), _row(rows, baseline)
        if not any(_common(one, other)):
            raise UnknownNameError(f"{one.label} and {other.label} have no seed and order in common")
        chosen.append((one, other))
    return compare_rows(chosen, values=Values(summaries, records), metrics=metrics)


def seed_and_order(run: Run) -> Hashable:
    """What two runs of a pair have in common: seed and order."""
    return run.seed, run.order


def compare_rows(
    pairs: Sequence[tuple[Row, Row]],
    *,
    values: Values,
    metrics: Sequence[str] = METRICS,
    same: Callable[[Run], Hashable] = seed_and_order,
) -> list[Comparison]:
    """Compare pairs of rows, metric by metric; what no pair of runs measured is left out.

    Args:
        pairs: method and baseline.
        values: numbers of their runs.
        metrics: keys of columns.
        same: what the two runs of a pair have in common, and no two runs of a row.
    """
    found: list[_Pairs] = []
    for one, other in pairs:
        common = list(_common(one, other, same=same))
        for metric in metrics:
            numbers = [(values.of(a, metric), values.of(b, metric)) for a, b in common]
            both = [(a, b) for a, b in numbers if a is not None and b is not None]
            if both:
                own, base = zip(*both, strict=True)
                found.append(_Pairs(one.label, other.label, metric, own, base))
    return _together([_comparison(one, of=len(found)) for one in found])


def against(records: Sequence[Record], baseline: str) -> list[tuple[str, str]]:
    """Pairs of every row that shares a seed and order with a baseline's, best told by their labels.

    Raises:
        UnknownNameError: no such row.
    """
    rows = rows_of(records)
    base = _row(rows, baseline)
    found = [
        (row.label, base.label) for row in rows if row is not base and any(_common(row, base, same=seed_and_order))
    ]
    if not found:
        raise UnknownNameError(f"no other row has a seed and order in common with {base.label}")
    return found


def _together(found: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's correction over all of them, and what can be told after it."""
    adjusted = holm({str(place): one.p for place, one in enumerate(found) if one.p is not None})
    return [_judged(one, adjusted.get(str(place))) for place, one in enumerate(found)]


def _judged(one: Comparison, p: float | None) -> Comparison:
    told = p is not None and p < 1 - LEVEL and one.difference.mean != 0
    verdict: Verdict = ("higher" if one.difference.mean > 0 else "lower") if told else "cannot tell"
    return replace(one, p_holm=p, verdict=verdict)


def check_metrics(metrics: Sequence[str], summaries: Sequence[SummarySpec], records: Sequence[Record]) -> None:
    """Refuse names of columns that no record can have a number for.

    Raises:
        UnknownNameError: such a name.
    """
    known = known_metrics(summaries, records)
    for metric in metrics:
        if metric not in known:
            raise unknown_name("metric", metric, known)


def known_metrics(summaries: Sequence[SummarySpec], records: Sequence[Record]) -> set[str]:
    """Keys of columns that records can have a number for."""
    names = [one.name for one in summaries]
    costs = [f"cost.{name}" for name, one in Costs.model_fields.items() if one.annotation in (int, float)]
    footprints = [f"footprint.{name}" for name in FootprintPart.model_fields]
    drifts = {f"drift.{name}" for one in records for name, value in one.drift.items() if isinstance(value, int | float)}
    return {*METRICS, *names, *(f"lenient.{name}" for name in names), *costs, *footprints, *drifts}


def _comparison(one: _Pairs, *, of: int) -> Comparison:
    """One of several that are made together."""
    differences = [value - base for value, base in zip(one.own, one.base, strict=True)]
    return Comparison(
        method=one.method,
        baseline=one.baseline,
        metric=one.metric,
        value=mean_std(one.own),
        base=mean_std(one.base),
        difference=paired_difference(one.own, one.base),
        p=paired_p(one.own, one.base),
        t_interval=student(differences),
        bootstrap=bootstrap(differences),
        needed=pairs_to_tell(differences, level=(1 - LEVEL) / of),
    )


def _row(rows: Sequence[Row], name: str) -> Row:
    exact = [row for row in rows if row.label == name]
    named = [row for row in rows if row.records[0].method.name == name]
    if len(exact or named) == 1:
        return (exact or named)[0]
    raise unknown_name("row" if not named else "single row", name, [row.label for row in rows])


def _common(one: Row, other: Row, *, same: Callable[[Run], Hashable] = seed_and_order) -> Iterator[tuple[Run, Run]]:
    """Runs that have it in common."""
    others = {same(run): run for run in other.records}
    for run in one.records:
        if (partner := others.get(same(run))) is not None:
            yield run, partner
