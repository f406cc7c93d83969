"""Two methods of one board, on the same seeds and orders: paired differences with intervals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clbench.base.errors import UnknownNameError, unknown_name
from clbench.boards.values import Row, Run, Values, rows_of
from clbench.metrics.statistics import Estimate, mean_std, paired_difference, paired_p
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Costs, FootprintPart, Record

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
    """

    method: str
    baseline: str
    metric: str
    value: Estimate
    base: Estimate
    difference: Estimate
    p: float | None


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
    _check_metrics(metrics, summaries, records)
    rows, values = rows_of(records), Values(summaries, records)
    found = []
    for method, baseline in pairs:
        one, other = _row(rows, method), _row(rows, baseline)
        common = list(_common(one, other))
        if not common:
            raise UnknownNameError(f"{one.label} and {other.label} have no seed and order in common")
        for metric in metrics:
            numbers = [(values.of(a, metric), values.of(b, metric)) for a, b in common]
            both = [(a, b) for a, b in numbers if a is not None and b is not None]
            if both:
                found.append(_comparison(one.label, other.label, metric, both))
    return found


def _check_metrics(metrics: Sequence[str], summaries: Sequence[SummarySpec], records: Sequence[Record]) -> None:
    names = [one.name for one in summaries]
    costs = [f"cost.{name}" for name, one in Costs.model_fields.items() if one.annotation in (int, float)]
    footprints = [f"footprint.{name}" for name in FootprintPart.model_fields]
    drifts = {f"drift.{name}" for one in records for name, value in one.drift.items() if isinstance(value, int | float)}
    known = {*METRICS, *names, *(f"lenient.{name}" for name in names), *costs, *footprints, *drifts}
    for metric in metrics:
        if metric not in known:
            raise unknown_name("metric", metric, known)


def _comparison(method: str, baseline: str, metric: str, pairs: Sequence[tuple[float, float]]) -> Comparison:
    own, base = zip(*pairs, strict=True)
    difference, p = paired_difference(own, base), paired_p(own, base)
    return Comparison(method, baseline, metric, mean_std(own), mean_std(base), difference, p)


def _row(rows: Sequence[Row], name: str) -> Row:
    exact = [row for row in rows if row.label == name]
    named = [row for row in rows if row.records[0].method.name == name]
    if len(exact or named) == 1:
        return (exact or named)[0]
    raise unknown_name("row" if not named else "single row", name, [row.label for row in rows])


def _common(one: Row, other: Row) -> Iterator[tuple[Run, Run]]:
    """Runs on the same seed and order."""
    others = {(record.seed, record.order): record for record in other.records}
    for record in one.records:
        if (partner := others.get((record.seed, record.order))) is not None:
            yield record, partner
