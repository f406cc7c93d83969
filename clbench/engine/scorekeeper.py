"""The rows of R and of the probes while a run goes on: what is due is predicted, saved, scored, and written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from clbench.base import spending
from clbench.base.progress import Progress
from clbench.data.probes import ProbeData
from clbench.data.sources import TaskData
from clbench.evaluation.ahead import Ahead, Asked, ask_ahead, is_worth
from clbench.evaluation.asking import ask
from clbench.evaluation.baserow import BaseRow, Found
from clbench.evaluation.draft import Draft
from clbench.methods.episodes import due, known_row
from clbench.metrics.matrix import Cell, Errors, ResultMatrix, Row
from clbench.runs.predictions import Scores, counted, predictions_path, save, score
from clbench.runs.record import Role
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.scoring.spec import ScorerSpec

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers, Evaluator

ROLES = ("strict", "lenient")
Around = Callable[..., AbstractContextManager[None]]  # given a task's name or nothing


class Scorekeeper:
    """R under both ways of scoring, and the probes.

    Args:
        config: of the run.
        evaluator: prompts to answers.
        run_dir: where predictions and the matrix go.
        scorer: a scorer's spec by name.
        progress: of the evaluation.
        warnings: message to count, shared with the run; empty and truncated answers are counted here.
        on_batch: called after each batch of answers; it may raise to stop.
        on_row: called before a row is said to be measured; it may wait, or raise to stop.
        base: row 0 as other runs have measured it; None: it is measured.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        evaluator: Evaluator,
        run_dir: RunDir,
        scorer: Callable[[str], ScorerSpec],
        progress: Progress,
        warnings: dict[str, int],
        on_batch: Callable[[], None] = lambda: None,
        on_row: Callable[[], None] = lambda: None,
        base: BaseRow | None = None,
    ) -> None:
        self.base = base
        self.config, self.evaluator, self.run_dir = config, evaluator, run_dir
        self.scorer, self.progress, self.warnings = scorer, progress, warnings
        self.on_batch, self.on_row = on_batch, on_row
        self.ahead, self.warned = Ahead(), False  # what several processes have asked, and whether they warned of it
        names = [task.name for task in config.plan.tasks]
        self.files: dict[str, str] = {}  # predictions that were written, by path, and their SHA-256
        self.matrices = {role: ResultMatrix.empty(names) for role in ROLES}
        self.probes: dict[str, list[Cell]] = {one.task.name: [None] * (len(names) + 1) for one in config.probes}
        self.errors = Errors(
            {role: [[None] * len(names) for _ in range(len(names) + 1)] for role in ROLES},
            {name: list(cells) for name, cells in self.probes.items()},
        )

    @property
    def ranking(self) -> Role:
        """The role that boards rank by."""
        return self.config.plan.protocol.scorer

    def measure(self, model: Any, *, row: int, around: Around = lambda *task: nullcontext()) -> dict[str, float]:
        """Score a model on all that is due in one row of R (0 = base).

        Args:
            model: causal LM.
            row: of R.
            around: the measurement of each task; told its name where the protocol gives it.

        Returns:
            Ranking scores by task; empty when nothing is due.
        """
        plan, data = self.config.plan, self.config.data
        size, schedule, regime = len(plan.tasks), plan.protocol.evaluate, self.config.choice.regime
        positions = due(row, num_tasks=size, schedule=schedule, regime=regime)
        probes = [one for one in self.config.probes if one.plan.due(row, num_tasks=size, measured=bool(positions))]
        if not positions and not probes:
            return {}
        cells: dict[str, list[Cell]] = {role: [None] * size for role in ROLES}
        told = plan.protocol.task_identity == "given"
        tasks = {position: partial(around, data[position].task.name if told else None) for position in positions}
        asked = [*((data[position], one) for position, one in tasks.items()), *((one, around) for one in probes)]
        with self.progress.task(f"score {row}/{size}", total=sum(len(one.test) for one, _ in asked)):
            self._look_ahead(model, row, asked)
            for position in positions:
                with tasks[position]():
                    scores = self._score(model, row, data[position])
                for role in ROLES:
                    cells[role][position] = scores.roles[role]
                    self.errors.tasks[role][row][position] = scores.errors[role]
            for probe in probes:
                with around(None):
                    self.probes[probe.task.name][row] = self._probe(model, row, probe)
        self.on_row()
        self._set_row(row, {role: tuple(values) for role, values in cells.items()})
        self.run_dir.event("scored", row=row, **cells)
        return {plan.tasks[position].name: cells[self.ranking][position] for position in positions}  # type: ignore[misc]

    def _look_ahead(self, model: Any, row: int, tasks: Sequence[tuple[TaskData, Around]]) -> None:
        """Several processes leave drafts, where that is faster; of row 0 only what no other run has measured."""
        base, unknown = self.base if row == 0 else None, []
        worth = is_worth(self.evaluator, model, [data for data, _ in tasks])
        for data, around in tasks if worth else ():
            with around() if base else nullcontext():
                if base is None or base.find(model, data) is None:
                    unknown.append(Asked(data, self._draft(row, data), around))
        before = dict(self.warnings)
        self.ahead = ask_ahead(self.evaluator, model, unknown, settle=self.on_row, on_batch=self._advance)
        self.warned = self.warnings != before

    def _advance(self, number: int) -> None:
        self.progress.advance(number)
        self.on_batch()

    def _draft(self, row: int, data: TaskData) -> Draft:
        return Draft(predictions_path(self.run_dir.path, row=row, task=data.task), writable=self.run_dir.writable)

    def _score(self, model: Any, row: int, data: TaskData) -> Scores:
        """Predictions are saved first and then scored."""
        task = data.task
        path = predictions_path(self.run_dir.path, row=row, task=task)
        draft = self._draft(row, data)
        taken, keep = self._shared(model, row, data)
        known = taken.answers if taken else draft.read(len(data.test))
        answers = dict(known)

        def on_batch(found: Answers) -> None:
            answers.update(found)
            draft.add(found)
            self._advance(0 if task.name in self.ahead.names else len(found))

        predictions = ask(self.evaluator, model, data, on_batch=on_batch, known=known)
        keep(Found(answers))
        if self.run_dir.writable:
            self.files[path.relative_to(self.run_dir.path).as_posix()] = save(path, predictions)
        with spending.on("scoring"):
            scores = score(task, predictions, scorer=self.scorer)
        for message, number in counted(task, scores).items():
            self.warnings[message] = self.warnings.get(message, 0) + number
        return scores

    def _probe(self, model: Any, row: int, data: ProbeData) -> float:
        """A probe's number: its score in the ranking role, or its mean loss."""
        if data.task.measure != "loss":
            scores = self._score(model, row, data)
            self.errors.probes[data.task.name][row] = scores.errors[self.ranking]
            return scores.roles[self.ranking]
        taken, keep = self._shared(model, row, data)
        loss = taken.loss if taken else self.ahead.losses.get(data.task.name)
        loss = self.evaluator.mean_loss(model, data.test) if loss is None else loss
        keep(Found(loss=loss))
        self.progress.advance(0 if data.task.name in self.ahead.names else len(data.test))
        return loss

    def _shared(self, model: Any, row: int, data: TaskData) -> tuple[Found | None, Callable[[Found], None]]:
        """What another run has measured of row 0, and how it is kept for others; what was warned of is not."""
        base = self.base if row == 0 else None
        taken, before = base.find(model, data) if base else None, dict(self.warnings)

        def keep(found: Found) -> None:
            if base and taken is None and self.run_dir.writable and self.warnings == before and not self.warned:
                base.keep(data, found)

        return taken, keep

    def state_dict(self) -> dict[str, Any]:
        """R so far, for a checkpoint."""
        rows = {role: list(self.rows(role)) for role in ROLES}
        probes = {name: list(cells) for name, cells in self.probes.items()}
        return {"rows": rows, "probes": probes, "errors": dataclasses.asdict(self.errors), "files": dict(self.files)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up R where a checkpoint left it."""
        self.probes = {name: list(cells) for name, cells in state["probes"].items()}
        self.errors = Errors(**state["errors"])
        self.files = dict(state["files"])
        for row in range(len(self.config.plan.tasks) + 1):
            cells = {role: tuple(state["rows"][role][row]) for role in ROLES}
            if any(cell is not None for values in cells.values() for cell in values):
                self._set_row(row, cells)

    def complete(self) -> None:
        """Fill in what need not be measured: a frozen model's rows, and separate models' other columns."""
        regime = self.config.choice.regime
        if regime not in ("frozen", "single"):
            return
        if regime == "frozen":
            self.probes = {name: [values[0]] * len(values) for name, values in self.probes.items()}
            self.errors.probes = {name: [values[0]] * len(values) for name, values in self.errors.probes.items()}
        for row in range(1, len(self.config.plan.tasks) + 1):
            self._set_row(row, {role: known_row(self.rows(role), row, regime) for role in ROLES})
        for role, rows in self.errors.tasks.items():
            known = [list(known_row(rows, row, regime)) for row in range(1, len(rows))]
            self.errors.tasks[role] = [rows[0], *known]

    def _set_row(self, row: int, cells: dict[str, Row]) -> None:
        for role in ROLES:
            matrix = self.matrices[role].with_row(row, cells[role])
            self.matrices[role] = dataclasses.replace(matrix, probes=self.probe_rows())
        self.run_dir.write_matrix(self.matrices[self.ranking])

    def rows(self, role: str) -> tuple[Row, ...]:
        """R with its base row."""
        matrix = self.matrices[role]
        return (_base(matrix), *matrix.rows)

    def probe_rows(self) -> dict[str, Row]:
        """The probes' rows by name."""
        return {name: tuple(values) for name, values in self.probes.items()}


def _base(matrix: ResultMatrix) -> Row:
    return matrix.base if matrix.base is not None else (None,) * matrix.num_tasks
