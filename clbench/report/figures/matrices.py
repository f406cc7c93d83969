"""Heat maps: R with its base row, and the use of experts that a method noted."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RecordError
from clbench.metrics.matrix import Cell, ResultMatrix
from clbench.report.colours import shade
from clbench.report.figures.groups import short, words
from clbench.report.notes import Utilisation, utilisation_of
from clbench.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 9  # panels that can still be read


def draw_results(figure: Figure, subjects: Sequence[Subject]) -> None:
    """A panel a run."""
    panels = _panels(figure, len(subjects), rows=subjects[0].matrix.num_tasks + 1)
    for ax, one in zip(panels, subjects, strict=True):
        heat_map(ax, one.matrix, title=words(f"{one.method.label}, seed {one.seed}, {one.order}"))


def heat_map(ax: Any, matrix: ResultMatrix, *, title: str) -> None:
    """Rows are after task i, the base model's first; columns are tasks and probes that are scored from 0 to 1.

    Args:
        ax: matplotlib axes to draw on.
        matrix: with the probes.
        title: above it.
    """
    probes = {name: cells for name, cells in matrix.probes.items() if not name.endswith("text")}
    base = matrix.base or (None,) * matrix.num_tasks
    rows = [(*row, *(cells[i] for cells in probes.values())) for i, row in enumerate((base, *matrix.rows))]
    names = ["base", *(f"{i} {short(name)}" for i, name in enumerate(matrix.tasks, 1))]
    _cells(ax, rows, high=1.0, names=names, columns=[short(name) for name in (*matrix.tasks, *probes)])
    ax.set_title(title)


def draw_experts(figure: Figure, subjects: Sequence[Subject]) -> None:
    """A panel for each run's note of that form; see `clbench.report.notes`."""
    found = [(one, table) for one in subjects for table in _noted(one)]
    if not found:
        raise RecordError(f"{', '.join(one.run for one in subjects)}: no method of these runs noted its use of experts")
    panels = _panels(figure, len(found), rows=max(len(table.rows) for _, table in found))
    for ax, (one, table) in zip(panels, found, strict=True):
        rows = sorted(table.rows, key=lambda row: table.group_rank(row.group))
        high = max((value for row in rows for value in row.values if value is not None), default=1.0)
        names = [short(row.name) for row in rows]
        _cells(ax, [row.values for row in rows], high=high, names=names, columns=table.columns)
        title = words(f"{one.method.label}, seed {one.seed}: {table.title}")
        ax.set_title("\n".join(textwrap.wrap(title, width=int(13 * _width(ax)))))


def _noted(one: Subject) -> list[Utilisation]:
    notes = one.record.notes.values() if one.record else ()
    return [table for note in notes if (table := utilisation_of(note)[0])]


def _panels(figure: Figure, number: int, *, rows: int) -> list[Any]:
    """One below the other in a column, two beside each other in two; the figure grows with them."""
    if number > MOST:
        raise RecordError(f"{number} panels cannot be read on a page; choose at most {MOST} runs")
    width = figure.get_figwidth()
    across = min(number, 1 if width < 5 else 2)
    down = math.ceil(number / across)
    figure.set_figheight(down * min(0.75 + 0.21 * rows, 4.5))
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for spare in axes[number:]:
        spare.set_axis_off()
    return list(axes[:number])


def _cells(
    ax: Any, rows: Sequence[Sequence[Cell]], *, high: float, names: Sequence[str], columns: Sequence[str]
) -> None:
    numbers = [[float("nan") if cell is None else cell for cell in row] for row in rows]
    ax.imshow(numbers, vmin=0.0, vmax=high or 1.0, cmap="viridis", aspect="auto")
    ax.set_xticks(range(len(columns)), [words(one) for one in columns], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    size = min(6.5, 55 * _width(ax) / (3 + len(columns)) / 2.2)  # points; a number has the width of 2.2 letters
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            colour = "#6b6b6b" if cell is None else shade(cell / (high or 1.0))[1]
            ax.text(j, i, _number(cell), ha="center", va="center", fontsize=size, color=colour)


def _width(ax: Any) -> float:
    """Inches that a panel has."""
    return float(ax.figure.get_figwidth()) / ax.get_gridspec().ncols


def _number(cell: Cell) -> str:
    """Two decimals without the zero before them, which has no room."""
    return "–" if cell is None else f"{cell:.2f}".removeprefix("0") if cell >= 0 else f"{cell:.2f}"
