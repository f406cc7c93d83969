"""A finished run as an object: its numbers, its answers, its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.api.table import Table, framed
from clbench.base.errors import ClbenchError, RecordError, unknown_name
from clbench.boards.lost import Lost, answers, lost_answers
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.summaries import compute
from clbench.plugins.registry import registry
from clbench.runs.predictions import Prediction
from clbench.runs.record import Record
from clbench.runs.rundir import RunDir


class Result:
    """A finished run.

    Args:
        record: as it stands on a board.
        path: the run's folder, where it is known.
        repeated: it had been finished before, and nothing was done.
    """

    def __init__(self, record: Record, path: Path | None = None, *, repeated: bool = False) -> None:
        self.record, self.path, self.repeated = record, path, repeated

    @property
    def run(self) -> str:
        """The run's id."""
        return self.record.run

    @property
    def method(self) -> str:
        """What the method is called on its board: its name, with the options that are not the default."""
        return self.record.method.label

    @property
    def seed(self) -> int:
        """Of all randomness."""
        return self.record.seed

    @property
    def order(self) -> str:
        """Name of the order of tasks."""
        return self.record.order

    @property
    def board(self) -> str:
        """Name of the board that the run stands on."""
        return self.record.board.name

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the order in which they were learned."""
        return self.record.tasks

    @property
    def warnings(self) -> dict[str, int]:
        """What a reader must know, with how often it happened."""
        return dict(self.record.warnings)

    @property
    def matrix(self) -> ResultMatrix:
        """R under the scorers that the board ranks by."""
        return self.record.matrix(self.record.board.protocol["scorer"])

    @property
    def R(self) -> Any:  # noqa: N802 (the field's own name)
        """R with its base row and the probes: a pandas data frame, or a `Table` where there is no pandas."""
        matrix = self.matrix
        names = [*matrix.tasks, *matrix.probes]
        rows = []
        for i in range(len(matrix.tasks) + 1):
            base = matrix.base or (None,) * matrix.num_tasks
            cells = [*(matrix.rows[i - 1] if i else base), *(values[i] for values in matrix.probes.values())]
            rows.append(
                {"after": f"{i} {matrix.tasks[i - 1]}" if i else "base", **dict(zip(names, cells, strict=True))}
            )
        return framed(rows, index="after")

    @cached_property
    def _computed(self) -> tuple[dict[str, float | None], dict[str, str]]:
        return compute(self.matrix, registry().summary_specs())

    @property
    def metrics(self) -> dict[str, float | None]:
        """Every metric of R by name, such as `op` and `bwt.gem`; None where R lacks what it needs."""
        return dict(self._computed[0])

    @property
    def missing(self) -> dict[str, str]:
        """Why a metric is None."""
        return dict(self._computed[1])

    @property
    def costs(self) -> dict[str, Any]:
        """Seconds, steps, tokens and memory of the run, and what its method adds."""
        return {**self.record.costs.model_dump(mode="json"), **self.record.footprint.model_dump(mode="json")}

    # --- answers

    def predictions(self, task: str, row: int = -1) -> list[Prediction]:
        """What the model answered.

        Args:
            task: or probe; its last part is enough.
            row: of R: 0 is the base model, -1 the end.

        Raises:
            ClbenchError: no such task, or it was not asked in that row.
        """
        name = self._named(task)
        row = row if row >= 0 else len(self.tasks) + 1 + row
        return answers(self._folder, name, row=row)

    def lost(self, task: str, *, right: float = 0.5) -> list[Lost]:
        """Answers that were right when the task had been learned and are wrong at the end.

        Args:
            task: of the stream; its last part is enough.
            right: score from which on an answer counts as right, under the scorer that the board ranks by.

        Raises:
            ClbenchError: no such task, or its answers were not kept.
        """
        name = self._named(task)
        if name not in self.tasks:
            raise unknown_name("task of the stream", task, self.tasks)
        return lost_answers(self._folder, self.record, name, scorer=registry().scorer, right=right)

    def _named(self, task: str) -> str:
        known = [*self.tasks, *self.record.probes]
        full = [name for name in known if task in (name, name.rpartition("/")[2])]
        if len(full) != 1:
            raise unknown_name("task", task, known)
        return full[0]

    @property
    def _folder(self) -> RunDir:
        if self.path is None:
            raise RecordError(f"run {self.run}: its answers are in its run directory; load that instead of the record")
        return RunDir(self.path)

    # --- shown

    def plot(self, ax: Any = None) -> Any:
        """The heat map of R with its base row and probes; needs matplotlib.

        Args:
            ax: to draw on; a new figure's if it is left out.

        Returns:
            The matplotlib axes.

        Raises:
            ClbenchError: matplotlib is not installed.
        """
        from clbench.api.picture import heat_map

        return heat_map(self.matrix, title=f"{self.method}, seed {self.seed}, {self.order}", ax=ax)

    def __repr__(self) -> str:
        shown = {name: self.metrics[name] for name in ("op", "bwt.gem")}
        numbers = ", ".join(f"{name} {value:+.4f}" for name, value in shown.items() if value is not None)
        return f"<Result {self.method}, seed {self.seed}, {self.order}: {numbers}; board {self.board}>"

    def _repr_html_(self) -> str:
        from clbench.report import of_record
        from clbench.report.fragment import fragment

        return fragment(of_record(self.record), summaries=registry().summary_specs())


class Results(Sequence[Result]):
    """Several runs, in the order in which they were made."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = tuple(results)

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, place: Any) -> Any:
        """By its place, or the only run of a method by the method's name."""
        if not isinstance(place, str):
            return self._results[place]
        found = [one for one in self._results if place in (one.method, one.record.method.name)]
        if len(found) != 1:
            raise unknown_name("single run of a method", place, {one.method for one in self._results})
        return found[0]

    @property
    def result(self) -> Result:
        """The only one.

        Raises:
            ClbenchError: there are several.
        """
        if len(self._results) != 1:
            raise ClbenchError(f"there are {len(self._results)} results; choose one by its place, results[0]")
        return self._results[0]

    @property
    def table(self) -> Any:
        """A row a run: a pandas data frame, or a `Table` where there is no pandas."""
        return framed(_rows(self._results), index="run")

    def __repr__(self) -> str:
        return repr(Table(_rows(self._results)))

    def _repr_html_(self) -> str:
        shown = [one._repr_html_() for one in self._results]
        return "\n".join(shown if len(shown) == 1 else [Table(_rows(self._results))._repr_html_(), *shown])


SHOWN = ("op", "bwt.gem", "learning_accuracy", "retention.facts")


def _rows(results: Sequence[Result]) -> list[Mapping[str, Any]]:
    return [row_of(one) for one in results]


def row_of(one: Result) -> dict[str, Any]:
    """A run among others."""
    told = {"run": one.run, "method": one.method, "seed": one.seed, "order": one.order, "board": one.board}
    return told | {name: one.metrics.get(name) for name in SHOWN}
