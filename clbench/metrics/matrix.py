"""ResultMatrix: what a run measured, and the only thing besides predictions that is stored.

R[i, j] is the score on task j after experience i; row 0 is the untouched base model; None means "not measured".
Scores are on 0–1, whatever the metric. Everything else (OP, BWT, boards) is computed from it: see `summaries`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clbench.base.errors import MatrixError, short

if TYPE_CHECKING:
    from pathlib import Path

Cell = float | None
Row = tuple[Cell, ...]
MOST_TASKS = 1_000  # metrics take seconds then, and grow with the square
LARGEST = 1e6  # scores are on 0–1; others' tables also on 0–100


@dataclass(frozen=True, slots=True)
class ResultMatrix:
    """R with its base row.

    Args:
        tasks: names of the T tasks, in the order they are learned.
        rows: T rows of T cells; rows[i][j] is the score on task j after experience i + 1.
        base: T cells of the untouched base model (row 0), or None when it was not measured.
        probes: scores of what is never trained on: name to T + 1 cells, the base model's first.
        bounds: upper bounds by name (`single`, `joint`): T scores of models that had no reason to forget.
    """

    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    base: Row | None = None
    probes: Mapping[str, Row] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def num_tasks(self) -> int:
        """T."""
        return len(self.tasks)

    def cell(self, i: int, j: int) -> float:
        """R[i, j] with the field's 1-based indices and i = 0 for the base row.

        Raises:
            MatrixError: the cell was not measured; a missing cell is refused, never averaged away.
        """
        if i == 0 and self.base is None:
            raise MatrixError("needs the base row (row 0)")
        row = self.base if i == 0 else self.rows[i - 1]
        assert row is not None
        value = row[j - 1]
        if value is None:
            raise MatrixError(f"needs R[{i},{j}] (task {self.tasks[j - 1]!r}), which was not measured")
        return value

    @classmethod
    def empty(cls, tasks: Sequence[str]) -> ResultMatrix:
        """Nothing measured yet."""
        return cls(tasks=tuple(tasks), rows=tuple((None,) * len(tasks) for _ in tasks))

    def with_row(self, i: int, row: Sequence[Cell]) -> ResultMatrix:
        """A copy with row i (0 = base) set."""
        cells = tuple(row)
        assert len(cells) == self.num_tasks
        if i == 0:
            return replace(self, base=cells)
        return replace(self, rows=(*self.rows[: i - 1], cells, *self.rows[i:]))

    def to_json(self) -> dict[str, Any]:
        """The form of `matrix.json`, which `parse` reads back."""
        value: dict[str, Any] = {"tasks": list(self.tasks), "matrix": [list(row) for row in self.rows]}
        value["base"] = None if self.base is None else list(self.base)
        return value | ({"probes": {name: list(row) for name, row in self.probes.items()}} if self.probes else {})


@dataclass(slots=True)
class Errors:
    """Standard errors of what a run measured.

    Args:
        tasks: by role, as R with its base row.
        probes: by name, rows 0 … T.
    """

    tasks: dict[str, list[list[Cell]]]
    probes: dict[str, list[Cell]]

    def rows(self, role: str) -> tuple[Row, ...]:
        """Those of R with its base row."""
        return tuple(tuple(cells) for cells in self.tasks[role])


def read_matrix(path: Path) -> ResultMatrix:
    """Read a bare R from a JSON file.

    Raises:
        MatrixError: the file is missing, is not JSON or holds no square matrix.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MatrixError(f"{path}: cannot be read ({error.strerror}); give a JSON file or a run directory") from error
    except (ValueError, RecursionError) as error:
        raise MatrixError(f"{path}: is not JSON ({error})") from error
    try:
        return parse_matrix(data)
    except MatrixError as error:
        raise MatrixError(f"{path}: {error}") from error


def parse_matrix(data: object) -> ResultMatrix:
    """R from its JSON form `{"matrix": [[…], …], "base": […], "tasks": […], "bounds": {"joint": […]}}`.

    Only `matrix` is needed. NaN (which JSON does not have, but many write) is refused on the diagonal and in the
    last row, where every metric needs a number; elsewhere it means the same as null: not measured.

    Raises:
        MatrixError: the shape is wrong or a cell is neither a number nor null.
    """
    if not isinstance(data, dict) or "matrix" not in data:
        raise MatrixError('needs an object {"matrix": [[…], …], "base": […]}, null for a cell that was not measured')
    unknown = set(data) - _KEYS
    if unknown:
        raise MatrixError(f"unknown key {min(map(str, unknown))!r}; known are {', '.join(sorted(_KEYS))}")
    rows = data["matrix"]
    if not isinstance(rows, list) or not rows:
        raise MatrixError("matrix must be a non-empty list of rows")
    size = len(rows)
    if size > MOST_TASKS:
        raise MatrixError(f"has {size:,} tasks; at most {MOST_TASKS:,} are taken")
    for i, row in enumerate(rows, 1):
        _refuse_nan(row, i=i, size=size)
    base = data.get("base")
    return ResultMatrix(
        tasks=_parse_tasks(data.get("tasks"), size=size),
        rows=tuple(_parse_row(row, where=f"row {i}", size=size) for i, row in enumerate(rows, 1)),
        base=None if base is None else _parse_row(base, where="base", size=size),
        probes=_parse_probes(data.get("probes") or {}, size=size),
        bounds=_parse_bounds(data.get("bounds") or {}, size=size),
    )


_KEYS = {"matrix", "base", "tasks", "probes", "bounds"}


def _parse_probes(probes: object, *, size: int) -> dict[str, Row]:
    if not isinstance(probes, dict):
        raise MatrixError('probes must be an object such as {"probes/facts": [base, …]}')
    return {name: _parse_row(row, where=f"probes.{name}", size=size + 1) for name, row in probes.items()}


def _parse_tasks(names: object, *, size: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"task {j}" for j in range(1, size + 1))
    if not isinstance(names, list) or len(names) != size or not all(isinstance(name, str) for name in names):
        raise MatrixError(f"tasks must be a list of {size} names, one for each row of the matrix")
    return tuple(names)


def _parse_bounds(bounds: object, *, size: int) -> dict[str, tuple[float, ...]]:
    if not isinstance(bounds, dict):
        raise MatrixError('bounds must be an object such as {"single": […], "joint": […]}')
    parsed = {}
    for name, row in bounds.items():
        cells = _parse_row(row, where=f"bounds.{name}", size=size)
        parsed[name] = tuple(cell for cell in cells if cell is not None)
        if len(parsed[name]) < size:
            raise MatrixError(f"bounds.{name} has a cell without a number; leave the bound out or measure it")
    return parsed


def _refuse_nan(row: object, *, i: int, size: int) -> None:
    """NaN where OP and BWT need a cell."""
    for j, cell in enumerate(row if isinstance(row, list) else (), 1):
        if isinstance(cell, float) and math.isnan(cell) and (i in (j, size)):
            raise MatrixError(
                f"row {i}, column {j}: NaN where a score is needed; measure it, or write null to leave it out"
            )


def _parse_row(row: object, *, where: str, size: int) -> Row:
    if not isinstance(row, list) or len(row) != size:
        raise MatrixError(f"{where} must be a list of {size} numbers or nulls (the matrix is square)")
    return tuple(_parse_cell(cell, where=f"{where}, column {j}") for j, cell in enumerate(row, 1))


def _parse_cell(cell: object, *, where: str) -> Cell:
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise MatrixError(f"{where}: {short(cell)} is not a number")
    if abs(cell) > LARGEST:
        raise MatrixError(f"{where}: {short(cell)} is no score")
    return None if math.isnan(cell) else float(cell)
