"""Results that others report: accuracy over the rise of the loss on held-out text, and over memory; fronts joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.boards.pareto import dominates
from clbench.report.figures.drawing import render
from clbench.report.figures.groups import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clbench.boards.reported import Placed

NAMED = 12  # points of the front that get their names


def draw_reported(rows: Sequence[Placed], *, form: str, columns: str = "two") -> bytes:
    """A picture as the content of a file; see `drawing.render`."""
    return render(lambda figure: _draw(figure, rows), form=form, columns=columns)


def _draw(figure: Figure, rows: Sequence[Placed]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, rows, [one.row.text_loss_rise for one in rows])
    _panel(right, rows, [one.row.memory_bytes / 1e9 for one in rows])
    left.set_xscale("symlog", linthresh=0.02)  # from nothing, or less, to more than a nat
    left.set_xlabel("rise of the loss on held-out text (nats)")
    right.set_xlabel("memory (GB)")
    left.set_ylabel("accuracy, ± one standard error")


def _panel(ax: Any, rows: Sequence[Placed], across: Sequence[float]) -> None:
    ax.margins(x=0.12)  # room for names
    accuracies = [one.row.accuracy for one in rows]
    errors = [one.row.error for one in rows]
    ax.errorbar(across, accuracies, yerr=errors, fmt="o", markersize=2, elinewidth=0.4, color="#999999")
    points = [(-x, y) for x, y in zip(across, accuracies, strict=True)]
    front = sorted({one for one in points if not any(dominates(other, one) for other in points)})
    ax.plot([-x for x, _ in front], [y for _, y in front], "o-", color="#0072b2", linewidth=0.8, markersize=3, zorder=3)
    named = {point: one.row.name for point, one in zip(points, rows, strict=True)}
    for x, y in front[-NAMED:]:
        label = words(named[x, y].partition("--")[0])
        ax.annotate(label, (-x, y), xytext=(-3, 2), textcoords="offset points", fontsize=5, ha="right")
