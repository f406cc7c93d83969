"""Bars: each task before, right after it was learned, and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RecordError
from clbench.metrics.matrix import ResultMatrix
from clbench.report.figures.groups import FEWEST, by_method, legend, mean_and_half, shared_tasks, short, titled
from clbench.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOMENTS = ("before", "after learning it", "at the end")
_FILLS = (("#bdbdbd", ""), ("#0072b2", ""), ("#e69f00", "////"))  # dark, middle and hatched in grey


def moments(matrix: ResultMatrix, task: str) -> tuple[float | None, float | None, float | None]:
    """A task's score before the stream, right after it was learned, and at the end."""
    j = matrix.tasks.index(task)
    return (matrix.base[j] if matrix.base else None), matrix.rows[j][j], matrix.rows[-1][j]


def draw(figure: Figure, subjects: Sequence[Subject]) -> None:
    """A panel a method, one below the other."""
    groups, tasks = by_method(subjects), shared_tasks(subjects)
    figure.set_figheight(0.5 + 1.35 * len(groups))
    axes = figure.subplots(len(groups), 1, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, (label, runs) in zip(axes, groups.items(), strict=True):
        _panel(ax, runs, tasks)
        ax.set_title(titled(label, runs), loc="left")
        ax.set_ylim(0, 1)
        ax.set_ylabel("score")
    axes[-1].set_xticks(
        range(len(tasks)), [short(name) for name in tasks], rotation=45, ha="right", rotation_mode="anchor"
    )
    legend(figure, axes[0])


def _panel(ax: Any, runs: Sequence[Subject], tasks: Sequence[str]) -> None:
    for place, (moment, (colour, hatch)) in enumerate(zip(MOMENTS, _FILLS, strict=True)):
        values = [[moments(one.matrix, task)[place] for one in runs] for task in tasks]
        known = [[value for value in found if value is not None] for found in values]
        if place and not all(known):
            raise RecordError(f"{runs[0].run}: {tasks[known.index([])]} was not scored {moment}")
        shown = [(task, mean_and_half(found)) for task, found in enumerate(known) if found]
        ax.bar(
            [task + 0.27 * (place - 1) for task, _ in shown],
            [mean for _, (mean, _) in shown],
            width=0.26,
            yerr=[half for _, (_, half) in shown] if len(runs) >= FEWEST else None,
            error_kw={"linewidth": 0.6},
            color=colour,
            hatch=hatch,
            edgecolor="#1b1b1b",
            linewidth=0.4,
            label=moment,
        )
