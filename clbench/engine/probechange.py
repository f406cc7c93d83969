"""What a stream did to the probes, with its standard error: TRACE's ΔR^G, and each probe on its own."""

from __future__ import annotations

from statistics import fmean

from clbench.engine.scorekeeper import Scorekeeper
from clbench.metrics.uncertainty import mean_error, paired_error
from clbench.runs.predictions import predictions_path, read, score_records
from clbench.runs.record import Change
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.spec.task import Task

TOGETHER = "general-ability"


def probe_changes(config: RunConfig, run_dir: RunDir, scores: Scorekeeper) -> dict[str, Change]:
    """The change of each probe from row 0 to row T, and the mean of all that are scored from 0 to 1.

    The records before and after are the same, so each change has a paired error; that of the mean takes the probes as
    independent of one another.

    Args:
        config: of the run.
        run_dir: with the predictions of both rows.
        scores: with the probes' rows.
    """
    changes: dict[str, Change] = {}
    for probe in config.probes:
        first, *_, last = scores.probes[probe.task.name]
        if first is not None and last is not None:
            error = None if probe.task.measure == "loss" else _error(probe.task, config, run_dir, scores)
            changes[probe.task.name] = Change(value=last - first, error=error)
    scored = [
        changes[one.task.name] for one in config.probes if one.task.measure != "loss" and one.task.name in changes
    ]
    if scored:
        together = mean_error([one.error for one in scored])
        changes[TOGETHER] = Change(value=fmean(one.value for one in scored), error=together)
    return changes


def _error(task: Task, config: RunConfig, run_dir: RunDir, scores: Scorekeeper) -> float | None:
    """None where the predictions of both rows are not there, as with a frozen model."""
    paths = [predictions_path(run_dir.path, row=row, task=task) for row in (0, len(config.plan.tasks))]
    if not all(path.is_file() for path in paths):
        return None
    scorer = scores.scorer(task.scorers.pairs()[scores.ranking])
    before, after = (score_records(task, read(path), scorer=scorer) for path in paths)
    return paired_error(before, after)
