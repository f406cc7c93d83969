"""R computed again from a run's saved predictions: a reviewer needs no model and no GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clbench.errors import RecordError
from clbench.matrix import ResultMatrix
from clbench.predictions import predictions_path, read, score
from clbench.rundir import RunDir
from clbench.scoring.spec import ScorerSpec
from clbench.task import Task


@dataclass(frozen=True, slots=True)
class Rescored:
    """R scored again.

    Args:
        strict: under strict scoring.
        lenient: under lenient scoring.
        changed: cells that differ from the record's, under either.
    """

    strict: ResultMatrix
    lenient: ResultMatrix
    changed: int


def rescore(run_dir: RunDir, *, scorer: Callable[[str], ScorerSpec]) -> Rescored:
    """Score every saved prediction of a run.

    Cells that were never measured but are known (the rows of a frozen model) are taken from the record.

    Raises:
        RecordError: the run is not finished, or its predictions are gone.
        DataError: a predictions file is malformed.
    """
    record = run_dir.finished()
    if record is None:
        raise RecordError(f"run {run_dir.run_id} is not finished; run the same command again first")
    tasks = {name: Task.model_validate(value) for name, value in run_dir.state()["config"]["tasks"].items()}
    matrices = {role: record.matrix(role) for role in ("strict", "lenient")}
    found = changed = 0
    for row in range(len(record.tasks) + 1):
        cells = {role: list(record.scores[role][row]) for role in ("strict", "lenient")}
        for position, name in enumerate(record.tasks):
            path = predictions_path(run_dir.path, row=row, task=tasks[name])
            if not path.is_file():
                continue
            found += 1
            for role, value in score(tasks[name], read(path), scorer=scorer).roles.items():
                changed += value != cells[role][position]  # type: ignore[index]
                cells[role][position] = value  # type: ignore[index]
        for role, matrix in matrices.items():
            matrices[role] = matrix.with_row(row, cells[role]) if row or matrix.base else matrix
    if not found:
        raise RecordError(f"{run_dir.path / 'predictions'}: holds no predictions of this run")
    return Rescored(matrices["strict"], matrices["lenient"], changed)
