"""Which methods nothing beats: those that no other reaches in every respect at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clbench.base.errors import RecordError
from clbench.boards.style import BOUNDS
from clbench.boards.values import Values, rows_of
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Record

KEYS = ("op", "retention.facts", "cost.train_seconds")


@dataclass(frozen=True, slots=True)
class Standing:
    """A row among the others.

    Args:
        method: label of the row.
        n: its runs.
        numbers: means over them by key.
        beaten_by: rows that are as good in every respect and better in one; none of a row on the front.
        bound: whether it is a reference that takes no part.
    """

    method: str
    n: int
    numbers: Mapping[str, float]
    beaten_by: tuple[str, ...]
    bound: bool

    @property
    def on_front(self) -> bool:
        """Whether nothing beats it."""
        return not (self.beaten_by or self.bound)


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether a point, higher is better, is nowhere worse than another and somewhere better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def pareto(
    records: Sequence[Record], *, summaries: Sequence[SummarySpec], keys: Sequence[str] = KEYS
) -> list[Standing]:
    """Every row's standing, those on the front first, by the first key.

    Args:
        records: of one board.
        summaries: functions of R.
        keys: of columns; those that no row has a number for play no part.

    Raises:
        RecordError: a row has no number where others have one, or there is none at all.
    """
    values, rows = Values(summaries, records), rows_of(records)
    means = [{key: one.mean for key in keys if (one := values.estimate(row, key, baseline=None))} for row in rows]
    known = [key for key in keys if any(key in numbers for numbers in means)]
    if not known:
        raise RecordError(f"no run has measured any of {', '.join(keys)}")
    for row, numbers in zip(rows, means, strict=True):
        if missing := [key for key in known if key not in numbers]:
            raise RecordError(f"{row.label} has no {missing[0]}, which others have; choose columns by --metric")
    signs = [1 if higher_is_better(key, summaries) else -1 for key in known]
    points = [[sign * one[key] for sign, key in zip(signs, known, strict=True)] for one in means]
    rivals = [(row, point) for row, point in zip(rows, points, strict=True) if row.label not in BOUNDS]
    found = [
        Standing(
            method=row.label,
            n=len(row.records),
            numbers={key: numbers[key] for key in known},
            beaten_by=tuple(rival.label for rival, its in rivals if dominates(its, point)),
            bound=row.label in BOUNDS,
        )
        for row, numbers, point in zip(rows, means, points, strict=True)
    ]
    return sorted(found, key=lambda one: (not one.on_front, one.bound, -signs[0] * one.numbers[known[0]], one.method))


def higher_is_better(key: str, summaries: Sequence[SummarySpec]) -> bool:
    """The direction of a column; what costs, takes room or moves weights is better low."""
    known = {one.name: one.higher_is_better for one in summaries}
    return known.get(key.removeprefix("lenient."), False)
