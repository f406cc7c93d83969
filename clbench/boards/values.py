"""Numbers of runs by column key, and their means over the runs of a row. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clbench.base.errors import MatrixError
from clbench.boards.entries import PAIRED_BOUNDS, Entry, last_row, ranking
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.statistics import Estimate, mean_std, paired_difference
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Record

Run = Record | Entry
Bounds = dict[str, tuple[tuple[str, ...], tuple[float, ...]]]
"""By label of the bound: the tasks, and what it reached on each."""


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one method with one set of options and one version.

    Args:
        label: the method's.
        packages: name to version.
        records: its runs, by seed and order.
    """

    label: str
    packages: Mapping[str, str]
    records: tuple[Run, ...]


def rows_of(records: Sequence[Run]) -> list[Row]:
    """Runs grouped into rows."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for record in sorted(records, key=lambda record: (record.order, record.seed, record.run)):
        groups.setdefault((record.method.label, str(sorted(record.method.packages.items()))), []).append(record)
    return [Row(label, members[0].method.packages, tuple(members)) for (label, _), members in sorted(groups.items())]


class Values:
    """Numbers of runs by column key; what cannot be computed is None.

    Args:
        summaries: functions of R.
        runs: of the board, among which the bounds `single` and `joint` are looked for.
    """

    def __init__(self, summaries: Sequence[SummarySpec], runs: Sequence[Run] = ()) -> None:
        self.summaries = {spec.name: spec for spec in summaries}
        self.bounds: dict[tuple[int, str], Bounds] = {}
        for run in runs:
            label = run.method.label
            last = (run.last if isinstance(run, Entry) else last_row(run)) if label in PAIRED_BOUNDS else None
            if last is not None:
                self.bounds.setdefault((run.seed, run.order), {})[label] = run.tasks, last

    def of(self, run: Run, key: str) -> float | None:
        """One run's number under `op`, `lenient.op`, `cost.steps`, `footprint.extra_parameters`."""
        return run.numbers.get(key) if isinstance(run, Entry) else self.each(run, (key,))[key]

    def each(self, run: Record, keys: Sequence[str]) -> dict[str, float | None]:
        """A record's numbers by key."""
        ranked = replace(run.matrix(ranking(run)), bounds=self._bounds_of(run))
        lenient = run.matrix("lenient") if "lenient" in run.scores else None
        return {key: self._number(run, key, ranked, lenient) for key in keys}

    def _number(self, run: Record, key: str, ranked: ResultMatrix, lenient: ResultMatrix | None) -> float | None:
        family, _, rest = key.partition(".")
        if family == "cost":
            value = run.costs.spent.get(rest.removeprefix("spent.")) if "." in rest else getattr(run.costs, rest)
            return None if value is None else float(value)
        if family == "footprint":
            return float(getattr(run.footprint, rest))
        if family == "drift":
            value = run.drift.get(rest)
            return value if isinstance(value, int | float) else None
        if family == "lenient":
            return self._summary(lenient, rest) if lenient else None
        return self._summary(ranked, key)

    def _bounds_of(self, run: Record) -> dict[str, tuple[float, ...]]:
        """Of the same seed and order of the same tasks."""
        paired = self.bounds.get((run.seed, run.order), {})
        return {label: last for label, (tasks, last) in paired.items() if tasks == run.tasks}

    def _summary(self, matrix: ResultMatrix, name: str) -> float | None:
        try:
            return self.summaries[name].of(matrix)
        except MatrixError:
            return None

    def estimate(self, row: Row, key: str, *, baseline: Row | None) -> Estimate | None:
        """A row's number: a mean over its runs, or for `vs.` a paired difference from the baseline's runs."""
        if key.startswith("vs."):
            return self._versus(row, key.removeprefix("vs."), baseline)
        values = [value for record in row.records if (value := self.of(record, key)) is not None]
        return mean_std(values) if values else None

    def _versus(self, row: Row, key: str, baseline: Row | None) -> Estimate | None:
        if baseline is None or row is baseline:
            return None
        bases = {(one.seed, one.order): self.of(one, key) for one in baseline.records}
        pairs = [
            (value, base)
            for one in row.records
            if (value := self.of(one, key)) is not None and (base := bases.get((one.seed, one.order))) is not None
        ]
        return paired_difference(*zip(*pairs, strict=True)) if pairs else None


def cell(key: str, estimate: Estimate | None) -> str:
    """A number as text: 3 decimals for scores, ± where there are several runs, `–` where there is none."""
    if estimate is None:
        return "–"
    family = key.partition(".")[0]
    if family in ("cost", "footprint"):
        return _amount(key, estimate.mean)
    signed = "+z.3f" if family == "vs" else "z.3f"  # no -0.000
    spread = "" if estimate.spread is None else f" ± {estimate.spread:.3f}"
    return f"{estimate.mean:{signed}}{spread}"


def _amount(key: str, value: float) -> str:
    if key.endswith("_bytes"):
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size:
                return f"{value / size:.1f} {unit}"
        return f"{value:.0f} B"
    if key.endswith(("_seconds", "extra_passes")) or ".spent." in key:
        return f"{value:.1f}"
    if key.endswith("share_of_peak"):
        return f"{value:.1%}"
    return f"{value:,.0f}"
