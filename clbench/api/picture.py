"""R as a picture of matplotlib, in the colours of the report."""

from __future__ import annotations

from typing import Any

from clbench.base.errors import ClbenchError
from clbench.metrics.matrix import Cell, ResultMatrix
from clbench.report.colours import shade


def heat_map(matrix: ResultMatrix, *, title: str, ax: Any = None) -> Any:
    """Rows are after task i, the base model's first; columns are tasks and probes that are scored from 0 to 1.

    Args:
        matrix: with the probes.
        title: above it.
        ax: to draw on; a new figure's if it is left out.

    Raises:
        ClbenchError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ClbenchError("plot(): needs matplotlib; pip install matplotlib") from None
    probes = {name: cells for name, cells in matrix.probes.items() if not name.endswith("text")}
    base = matrix.base or (None,) * matrix.num_tasks
    rows = [(*row, *(cells[i] for cells in probes.values())) for i, row in enumerate((base, *matrix.rows))]
    columns = [_short(name) for name in (*matrix.tasks, *probes)]
    names = ["base", *(f"{i} {_short(name)}" for i, name in enumerate(matrix.tasks, 1))]
    if ax is None:
        _, ax = plt.subplots(figsize=(1.5 + 0.75 * len(columns), 1.2 + 0.4 * len(rows)), layout="constrained")
    numbers = [[float("nan") if cell is None else cell for cell in row] for row in rows]
    ax.imshow(numbers, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set_title(title)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            ax.text(j, i, _number(cell), ha="center", va="center", fontsize=8, color=_colour(cell))
    return ax


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _number(cell: Cell) -> str:
    return "–" if cell is None else f"{cell:.2f}"


def _colour(cell: Cell) -> str:
    return "#6b6b6b" if cell is None else shade(cell)[1]
