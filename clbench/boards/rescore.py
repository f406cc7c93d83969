"""R computed again from a run's saved predictions: a reviewer needs no model and no GPU."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clbench.base.errors import RecordError
from clbench.metrics.matrix import ResultMatrix
from clbench.runs.predictions import Scores, counted, predictions_path, read, score
from clbench.runs.record import Record, Role
from clbench.runs.rundir import RunDir
from clbench.scoring.spec import ScorerSpec
from clbench.spec.task import Task

ROLES: tuple[Role, Role] = ("strict", "lenient")
Scorer = Callable[[str], ScorerSpec]
Known = Mapping[Role, Sequence[Sequence[float | None]]]


@dataclass(frozen=True, slots=True)
class Rescored:
    """R scored again.

    Args:
        strict: under strict scoring.
        lenient: under lenient scoring.
        changed: cells of R under either, and of probes, that differ from the record's, or whose standard error does.
        warnings: what the record must say of empty, truncated and tied answers, to their numbers.
    """

    strict: ResultMatrix
    lenient: ResultMatrix
    changed: int
    warnings: dict[str, int]


def rescore(run_dir: RunDir, *, scorer: Scorer) -> Rescored:
    """Score every saved prediction of a run.

    Cells that were never measured but are known (the rows of a frozen model), and losses, are taken from the record.

    Raises:
        RecordError: the run is not finished, or its predictions are gone.
        DataError: a predictions file is malformed.
    """
    record = run_dir.finished()
    if record is None:
        raise RecordError(f"run {run_dir.run_id} is not finished; run the same command again first")
    tasks = {name: Task.model_validate(value) for name, value in run_dir.state()["config"]["tasks"].items()}
    again = _Again(run_dir, record, tasks, scorer)
    for row in range(len(record.tasks) + 1):
        again.score_row(row)
    if not again.found:
        raise RecordError(f"{run_dir.path / 'predictions'}: holds no predictions of this run")
    strict, lenient = (again.matrix(role) for role in ROLES)
    return Rescored(strict, lenient, again.changed, again.warnings)


class _Again:
    """The record's numbers, replaced cell by cell by what its predictions give."""

    def __init__(self, run_dir: RunDir, record: Record, tasks: dict[str, Task], scorer: Scorer) -> None:
        self.run_dir, self.record, self.tasks, self.scorer = run_dir, record, tasks, scorer
        self.cells = {role: [list(cells) for cells in record.scores[role]] for role in ROLES}
        self.probes = {name: list(cells) for name, cells in record.probes.items()}
        self.ranking: Role = record.board.protocol["scorer"]
        self.found = self.changed = 0
        self.warnings: dict[str, int] = {}

    def score_row(self, row: int) -> None:
        for position, name in enumerate(self.record.tasks):
            scores = self._score(row, name)
            if scores is None:
                continue
            for role in ROLES:
                other = scores.roles[role] != self.cells[role][row][position]
                self.changed += other or _differ(scores.errors[role], self.record.errors, role, row, position)
                self.cells[role][row][position] = scores.roles[role]
        for name, cells in self.probes.items():
            if scores := self._score(row, name):
                known: Known = {self.ranking: [[cell] for cell in self.record.probe_errors.get(name, ())]}
                other = scores.roles[self.ranking] != cells[row]
                self.changed += other or _differ(scores.errors[self.ranking], known, self.ranking, row, 0)
                cells[row] = scores.roles[self.ranking]

    def _score(self, row: int, name: str) -> Scores | None:
        """None where nothing was predicted: what was not due, and losses."""
        path = predictions_path(self.run_dir.path, row=row, task=self.tasks[name])
        if not path.is_file():
            return None
        self.found += 1
        scores = score(self.tasks[name], read(path), scorer=self.scorer)
        for message, number in counted(self.tasks[name], scores).items():
            self.warnings[message] = self.warnings.get(message, 0) + number
        return scores

    def matrix(self, role: Role) -> ResultMatrix:
        rows = [tuple(cells) for cells in self.cells[role]]
        matrix = self.record.matrix(role)
        base = rows[0] if matrix.base else None
        probes = {name: tuple(cells) for name, cells in self.probes.items()}
        return dataclasses.replace(matrix, base=base, rows=tuple(rows[1:]), probes=probes)


def _differ(error: float | None, known: Known, role: Role, row: int, position: int) -> bool:
    """Whether a standard error is not the record's; older records have none."""
    if not known.get(role):
        return False
    other = known[role][row][position]
    return (error is None) != (other is None) or not math.isclose(error or 0.0, other or 0.0, rel_tol=1e-6)
