"""OP against what it costs: knowledge that is lost, and time; the methods that nothing beats are joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RecordError
from clbench.boards.pareto import dominates
from clbench.boards.style import BOUNDS
from clbench.boards.values import Values
from clbench.metrics.summaries import SUMMARIES
from clbench.report.figures.groups import by_method, legend, look, mean_and_half, titled
from clbench.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = (("retention.facts", "facts retained", 1), ("cost.train_seconds", "training (s)", -1))


def draw(figure: Figure, subjects: Sequence[Subject]) -> None:
    """A panel for retention, where facts were asked, and one for time."""
    records = [one.record for one in subjects if one.record]
    if len(records) < len(subjects):
        raise RecordError(f"{next(one.run for one in subjects if not one.record)}: is not finished")
    values = Values(SUMMARIES, records)
    shown = [axis for axis in AXES if all(values.of(one, axis[0]) is not None for one in records)]
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True).ravel()
    for ax, (key, heading, sign) in zip(panels, shown, strict=True):
        _panel(ax, by_method(subjects), values, key, sign)
        ax.set_xlabel(heading)
    panels[0].set_ylabel("OP")
    legend(figure, panels[0])


def _panel(ax: Any, groups: dict[str, list[Subject]], values: Values, key: str, sign: int) -> None:
    points = {}
    for number, (label, runs) in enumerate(groups.items()):
        numbers = [(values.of(one.record, key), values.of(one.record, "op")) for one in runs if one.record]
        both = [(a, b) for a, b in numbers if a is not None and b is not None]
        if not both:
            raise RecordError(f"{runs[0].run}: has no OP, as its last row was not measured whole")
        (x, dx), (y, dy) = (mean_and_half(one) for one in zip(*both, strict=True))
        style = {**look(number), "linestyle": "none"}
        ax.errorbar(x, y, xerr=dx or None, yerr=dy or None, label=titled(label, runs), elinewidth=0.6, **style)
        if len(runs) > 1:
            ax.scatter(*zip(*both, strict=True), s=4, color=style["color"], alpha=0.5, linewidths=0)
        if label not in BOUNDS:
            points[label] = (sign * x, y)
    front = sorted(one for one in points.values() if not any(dominates(other, one) for other in points.values()))
    ax.plot([sign * x for x, _ in front], [y for _, y in front], color="#777777", linewidth=0.7, zorder=0)
