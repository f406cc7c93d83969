"""Scores of all answers at once (macro-F1, BLEU), which no mean over records gives; told from saved predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from clbench.base.errors import ClbenchError
from clbench.metrics.matrix import Cell
from clbench.runs.predictions import predictions_path, read, side_score
from clbench.runs.record import Record
from clbench.runs.rundir import RunDir
from clbench.scoring.spec import ScorerSpec
from clbench.spec.task import Task


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """One scorer's view of one task.

    Args:
        task: its name.
        scorer: its name.
        learned: right after the task was learned, 0–1; None where it was not asked.
        end: after the last task.
    """

    task: str
    scorer: str
    learned: Cell
    end: Cell


def corpus_scores(run_dir: RunDir, record: Record, *, scorer: Callable[[str], ScorerSpec]) -> list[CorpusScore] | str:
    """Of each task that names such scorers under `side`; or why they cannot be told.

    Args:
        run_dir: with the predictions.
        record: of the run.
        scorer: a scorer's spec by name.
    """
    try:
        return list(_scores(run_dir, record, scorer))
    except (ClbenchError, KeyError, TypeError, ValidationError) as error:
        return f"cannot be told ({error})"


def corpus_lines(scores: Sequence[CorpusScore] | str) -> list[str]:
    """The same in words, a line a score."""
    if isinstance(scores, str):
        return [f"scores over all answers at once {scores}"]
    shown = [("–" if value is None else f"{value:.3f}" for value in (one.learned, one.end)) for one in scores]
    return [
        f"{one.task} {one.scorer}: {learned} after learning, {end} at the end"
        for one, (learned, end) in zip(scores, shown, strict=True)
    ]


def _scores(run_dir: RunDir, record: Record, scorer: Callable[[str], ScorerSpec]) -> Iterator[CorpusScore]:
    asked = run_dir.state().get("config", {}).get("tasks", {})
    for row, name in enumerate(record.tasks, 1):
        if name not in asked:  # a record without its run's configuration
            continue
        task = Task.model_validate(asked[name])
        for spec in filter(lambda one: one.corpus, map(scorer, task.side)):
            learned, end = (_cell(run_dir, task, spec, row=one) for one in (row, len(record.tasks)))
            yield CorpusScore(name, spec.name, learned, end)


def _cell(run_dir: RunDir, task: Task, spec: ScorerSpec, *, row: int) -> Cell:
    path = predictions_path(run_dir.path, row=row, task=task)
    return side_score(task, read(path), spec) if path.is_file() else None
