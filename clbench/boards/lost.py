"""Answers that a run lost: right when their task had been learned, wrong at the end; told from saved predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clbench.base.errors import RecordError
from clbench.metrics.uncertainty import mean_error, paired_error
from clbench.runs import predictions
from clbench.runs.predictions import Prediction
from clbench.runs.record import Record
from clbench.runs.rundir import RunDir
from clbench.scoring.spec import ScorerSpec
from clbench.spec.task import Task

RIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Lost:
    """An answer that was right when its task had been learned, and is wrong at the end.

    Args:
        prompt: what was asked.
        answer: what was expected.
        then: what the model wrote right after it had learned the task.
        now: what it writes at the end.
        score_then: of what it wrote then, 0–1.
        score_now: of what it writes now.
    """

    prompt: str
    answer: str
    then: str
    now: str
    score_then: float
    score_now: float


def task_of(run_dir: RunDir, name: str) -> Task:
    """A task as a run asked it."""
    return Task.model_validate(run_dir.state()["config"]["tasks"][name])


def answers(run_dir: RunDir, name: str, *, row: int) -> list[Prediction]:
    """What the model answered in a row of R.

    Raises:
        RecordError: the task was not asked then.
    """
    path = predictions.predictions_path(run_dir.path, row=row, task=task_of(run_dir, name))
    if not path.is_file():
        asked = sorted(int(one.parent.name) for one in path.parent.parent.glob(f"*/{path.name}"))
        rows = ", ".join(map(str, asked)) or "none"
        raise RecordError(f"run {run_dir.run_id}: {name} has no answers in row {row}; there is {rows}")
    return predictions.read(path)


def then_and_now(run_dir: RunDir, record: Record, name: str, *, scorer: Callable[[str], ScorerSpec]) -> list[Lost]:
    """Every answer to one task, right after it had been learned and at the end, whether it was lost or not.

    Args:
        run_dir: with the predictions.
        record: of the run.
        name: of a task of its stream.
        scorer: a scorer's spec by name.

    Raises:
        RecordError: the task was not asked then or at the end.
    """
    task = task_of(run_dir, name)
    rows = (record.tasks.index(name) + 1, len(record.tasks))
    then, now = (answers(run_dir, name, row=row) for row in rows)
    spec = scorer(task.scorers.pairs()[record.board.protocol["scorer"]])
    before, after = (predictions.score_records(task, one, scorer=spec) for one in (then, now))
    return [
        Lost(a.prompt, a.answer, a.prediction, b.prediction, one, other)
        for a, b, one, other in zip(then, now, before, after, strict=True)
    ]


def lost_of(both: Sequence[Lost], *, right: float = RIGHT) -> list[Lost]:
    """Those that were right and are wrong.

    Args:
        both: every answer, then and now.
        right: score from which on an answer counts as right.
    """
    return [one for one in both if one.score_then >= right > one.score_now]


def lost_answers(
    run_dir: RunDir, record: Record, name: str, *, scorer: Callable[[str], ScorerSpec], right: float = RIGHT
) -> list[Lost]:
    """Answers to one task that were right when it had been learned and are wrong at the end: see `then_and_now`.

    `right` is the score from which on an answer counts as right, under the scorer that the board ranks by.
    """
    return lost_of(then_and_now(run_dir, record, name, scorer=scorer), right=right)


def bwt_error(both: Mapping[str, Sequence[Lost]]) -> float | None:
    """Standard error of BWT (gem) over the test records of one run: each task's paired one, tasks independent.

    Args:
        both: every answer, then and now, of each task but the last.
    """
    errors = [paired_error([one.score_then for one in some], [one.score_now for one in some]) for some in both.values()]
    return mean_error(errors) if errors else None
