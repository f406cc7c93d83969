"""What a stream did to the probes, with its standard error: TRACE's ΔR^G, and each probe on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from clbench.metrics.matrix import Cell
from clbench.metrics.uncertainty import mean_error, paired_error
from clbench.runs.predictions import predictions_path, read, score_records
from clbench.runs.record import Change, Role
from clbench.scoring.spec import ScorerSpec
from clbench.spec.task import Task

TOGETHER = "general-ability"


def probe_changes(
    rows: Mapping[str, Sequence[Cell]],
    tasks: Mapping[str, Task],
    *,
    folder: Path,
    role: Role,
    scorer: Callable[[str], ScorerSpec],
) -> dict[str, Change]:
    """The change of each probe from row 0 to row T, and the mean of all that are scored from 0 to 1.

    The records before and after are the same, so each change has a paired error; that of the mean takes the probes as
    independent of one another.

    Args:
        rows: of the probes, 0 … T, by name.
        tasks: of the probes, by name.
        folder: of the run, with the predictions of both rows.
        role: by which boards rank.
        scorer: a scorer's spec by name.
    """
    changes: dict[str, Change] = {}
    for name, (first, *_, last) in rows.items():
        if first is None or last is None:
            continue
        files = [predictions_path(folder, row=row, task=tasks[name]) for row in (0, len(rows[name]) - 1)]
        paired = tasks[name].measure != "loss" and all(path.is_file() for path in files)
        error = _error(tasks[name], files, scorer(tasks[name].scorers.pairs()[role])) if paired else None
        changes[name] = Change(value=last - first, error=error)
    scored = [change for name, change in changes.items() if tasks[name].measure != "loss"]
    if scored:
        together = mean_error([one.error for one in scored])
        changes[TOGETHER] = Change(value=fmean(one.value for one in scored), error=together)
    return changes


def _error(task: Task, files: Sequence[Path], scorer: ScorerSpec) -> float | None:
    """A frozen model, which leaves no predictions of the last row, has none."""
    before, after = (score_records(task, read(path), scorer=scorer) for path in files)
    return paired_error(before, after)
