"""Ways to set methods' learning rates under which they can be compared: each its own best, or all the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from clbench.boards.values import Row, Run, Values, rows_of
from clbench.report.study.evidence import Evidence, first, own_rate, rate_of, records
from clbench.runs.record import Record


@dataclass(frozen=True)
class Way:
    """One way to set methods' rates, and the row of each method that was run so.

    Args:
        name: in words.
        rows: by name of the method.
        values: numbers of their runs.
        by_rate: whether runs of a pair have their learning rate in common, beside seed and order.
    """

    name: str
    rows: Mapping[str, Row]
    values: Values = field(repr=False)
    by_rate: bool = False

    def same(self, run: Run) -> Hashable:
        """What the runs of a pair have in common."""
        return run.seed, run.order, rate_of(run) if self.by_rate and isinstance(run, Record) else None


def ways(evidence: Evidence) -> list[Way]:
    """The ways of setting rates, as far as methods were run so."""
    by_method, tried = evidence.by_name(evidence.rows), evidence.by_name(rows_of(evidence.trials))
    best = {name: row for name, rows in by_method.items() if (row := _best(name, rows, evidence))}
    same = {name: row for name, rows in by_method.items() if (row := _at(evidence.rate, rows))}
    if evidence.search is None and set(same) < set(by_method) and all(len(rows) == 1 for rows in by_method.values()):
        return [
            Way("the rates that the plan gives", {name: rows[0] for name, rows in by_method.items()}, evidence.values)
        ]
    swept = {name: Row(name, {}, runs) for name, rows in tried.items() if (runs := _distinct(rows))}
    found = [
        Way("each method's own best rate", best, evidence.values),
        Way(f"the protocol's rate, {evidence.rate:g}", same, evidence.values),
        Way("equal rates, over the trials", swept, Values(evidence.summaries, evidence.trials), by_rate=True),
    ]
    return [way for way in found if any(first(row).method.regime != "frozen" for row in way.rows.values())]


def unreported(evidence: Evidence) -> list[str]:
    """Methods that have rows, and none with what the search chose."""
    by_method = evidence.by_name(evidence.rows)
    return sorted(name for name in evidence.choices if name in by_method and not _best(name, by_method[name], evidence))


def _best(name: str, rows: Sequence[Row], evidence: Evidence) -> Row | None:
    """What was chosen; of a method without a search its only rate of its own; a frozen model needs none."""
    if name in evidence.choices:
        choice = evidence.choices[name]
        return _most([row for row in rows if choice and first(row).method.options == choice.point])
    given = [row for row in rows if own_rate(first(row).method.options)]
    return _most(given if len(given) == 1 else [row for row in rows if first(row).method.regime == "frozen"])


def _at(rate: float, rows: Sequence[Row]) -> Row | None:
    there = [row for row in rows if rate_of(first(row)) == rate]
    return _most([row for row in there if not own_rate(first(row).method.options)] or there)


def _most(rows: Sequence[Row]) -> Row | None:
    """The row with most runs, then with fewest options."""
    return min(rows, key=lambda row: (-len(row.records), len(row.label), row.label), default=None)


def _distinct(rows: Sequence[Row]) -> tuple[Run, ...]:
    """All trials of a method, if no two have rate, seed and order in common."""
    runs = [run for row in rows for run in records(row)]
    return tuple(runs) if len({(run.seed, run.order, rate_of(run)) for run in runs}) == len(runs) else ()
