"""What else the model knew, probe by probe: before the stream, and what each method did to it."""

from __future__ import annotations

from collections.abc import Iterable

from clbench.boards.values import Row
from clbench.metrics.statistics import Estimate, mean_std
from clbench.report.study.evidence import records
from clbench.report.study.tables import CHANGE, NAMED, NONE, number, on_order, pipe, told
from clbench.runs.record import Record

TOLD_ELSEWHERE = ("probes/facts", "probes/skills")  # the bundled model's own: facts kept, ΔGA
LOSSES = {"probes/text": "text loss ↓ (nats a token)"}


def probes_table(rows: Iterable[Row], *, order: str) -> str:
    """Scores of the untouched model, and their changes by each method; empty where no other probe was asked.

    ± is the standard deviation over runs; of one run, the standard error over its records, paired for a change.

    Args:
        rows: of the board.
        order: whose runs are shown; rows without any are left out.
    """
    shown = [part for row in rows if (part := on_order(row, order)).records]
    runs = [run for row in shown for run in records(row)]
    names = list(dict.fromkeys(name for run in runs for name in run.probes if name not in TOLD_ELSEWHERE))
    if not names:
        return ""
    base = ["before", NONE, NONE, *(number("op", _before(runs, name)) for name in names)]
    lines = [
        [*told(row), str(len(row.records)), *(number(CHANGE, _change(records(row), name)) for name in names)]
        for row in shown
    ]
    return pipe([*NAMED, "n", *(LOSSES.get(name, name.rpartition("/")[2]) for name in names)], [base, *lines], texts=1)


def _before(runs: Iterable[Record], name: str) -> Estimate | None:
    """Of the untouched model, which all runs share."""
    for run in runs:
        values, errors = run.probes.get(name, ()), run.probe_errors.get(name, ())
        if values and values[0] is not None:
            return Estimate(values[0], errors[0] if errors else None, 1)
    return None


def _change(runs: Iterable[Record], name: str) -> Estimate | None:
    found = [run.probe_changes[name] for run in runs if name in run.probe_changes]
    if len(found) == 1:
        return Estimate(found[0].value, found[0].error, 1)
    return mean_std([one.value for one in found]) if found else None
