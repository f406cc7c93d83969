"""What happened along the stream besides R: loss and learning rate by step, probes after each experience."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.chart import Line, chart, legend
from clbench.report.colours import line_style
from clbench.report.heatmap import short
from clbench.report.html import Html, join, tag
from clbench.report.subject import Subject

MOST = 300  # points of a drawn line


def training_curves(subject: Subject) -> Html | None:
    """Loss and learning rate of the optimizer steps, where the run's log is there."""
    curve = subject.curve
    if len(curve.steps) < 2:
        return None
    ticks = {0: "", **{step: str(place) for place, (_, step) in enumerate(curve.tasks, 1)}}
    told = "Of each logged optimizer step; a number stands where that task's training ended."
    figures = [
        _by_step("loss (nats a token)", curve.steps, curve.losses, ticks),
        _by_step("learning rate", curve.steps, curve.learning_rates, ticks),
    ]
    return join([tag("h3", "Training"), tag("p", told), tag("div", figures, class_="panels")])


def _by_step(name: str, steps: Sequence[int], values: Sequence[float], ticks: dict[int, str]) -> Html:
    points = thinned(list(zip(steps, values, strict=True)))
    line = Line(name, points, "#0072b2")
    drawn = chart([line], ticks=ticks, title=f"{name} by step", width=560, height=190, high=max(values) or 1.0)
    return tag("figure", tag("figcaption", name), drawn)


def thinned(points: list[tuple[int, float]], *, most: int = MOST) -> list[tuple[int, float]]:
    """At most so many points: the mean of neighbours, at the middle one's place."""
    size = -(-len(points) // most)
    parts = [points[place : place + size] for place in range(0, len(points), size)]
    return [(part[len(part) // 2][0], sum(value for _, value in part) / len(part)) for part in parts]


def probe_curves(subject: Subject) -> Html | None:
    """What the stream did to what it never trained on: scores on one axis, losses each on its own."""
    matrix = subject.matrix
    measured = {name: [(i, v) for i, v in enumerate(cells) if v is not None] for name, cells in matrix.probes.items()}
    if not any(len(points) > 1 for points in measured.values()):
        return None
    ticks = ["base", *map(str, range(1, matrix.num_tasks + 1))]
    scores = {name: points for name, points in measured.items() if not name.endswith("text")}
    lines = [Line(name, points, *line_style(place)) for place, (name, points) in enumerate(scores.items())]
    figures = []
    if lines:
        drawn = chart(lines, ticks=ticks, title="scores of probes after each experience", width=560, height=190)
        named = legend([(short(line.name), line.colour, line.dashes) for line in lines])
        figures.append(tag("figure", tag("figcaption", "scores"), drawn, named))
    for name, points in measured.items():
        if name not in scores and points:
            high = max(value for _, value in points) or 1.0
            line = [Line(name, points, "#d55e00", end=True)]
            drawn = chart(line, ticks=ticks, title=f"loss on {name}", width=560, height=190, high=high)
            figures.append(tag("figure", tag("figcaption", f"{short(name)}: loss (nats a token)"), drawn))
    return join([tag("h3", "Probes over the stream"), tag("div", figures, class_="panels")])
