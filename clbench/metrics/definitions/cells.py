"""Cells of R that several definitions read, and what they need of R."""

from __future__ import annotations

from clbench.base.errors import MatrixError
from clbench.metrics.matrix import ResultMatrix


def tasks(r: ResultMatrix) -> range:
    """1 … T."""
    return range(1, r.num_tasks + 1)


def below(r: ResultMatrix) -> list[tuple[int, int]]:
    """All (i, j) with i > j."""
    return [(i, j) for i in tasks(r) for j in range(1, i)]


def need_two(r: ResultMatrix) -> None:
    """For what divides by T − 1."""
    if r.num_tasks < 2:
        raise MatrixError("needs at least two tasks")


def changes(r: ResultMatrix, *, at_least: int = 2) -> list[float]:
    """R[T,i] − R[i,i] for i < T."""
    if at_least > 1:
        need_two(r)
    last = r.num_tasks
    return [r.cell(last, i) - r.cell(i, i) for i in range(1, last)]


def need_unit_scale(r: ResultMatrix) -> None:
    """For what is no function of differences or ratios: a table in percent would give a number without meaning."""
    cells = (cell for row in (r.base or (), *r.rows) for cell in row if cell is not None)
    other = next((cell for cell in cells if not 0 <= cell <= 1), None)
    if other is not None:
        raise MatrixError(f"needs scores on 0–1, and there is {other:g}; divide a table in percent by 100")
