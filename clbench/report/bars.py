"""Bars: each task before the stream, right after it was learned, and at the end; means over a method's runs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from clbench.metrics.matrix import Cell, ResultMatrix
from clbench.report.chart import ink
from clbench.report.heatmap import number, short
from clbench.report.html import Html, tag
from clbench.report.subject import Subject

MOMENTS = (("before", "#9a9a9a"), ("after learning it", "#0072b2"), ("at the end", "#e69f00"))
BAR, GAP, TALL, LEFT, TOP, FOOT = 14, 16, 130, 30, 8, 64


def moments(matrix: ResultMatrix, j: int) -> tuple[Cell, Cell, Cell]:
    """Task j's score before the stream, right after it was learned, and at the end; j from 0."""
    return (matrix.base[j] if matrix.base else None), matrix.rows[j][j], matrix.rows[-1][j]


def task_bars(subjects: Sequence[Subject]) -> Html:
    """Three bars a task, in the order of the first run; what no run measured has none."""
    tasks = subjects[0].matrix.tasks
    width = LEFT + len(tasks) * (3 * BAR + GAP) + GAP
    drawn = [tag("title", "scores of each task before, after learning it, and at the end"), _axis(width)]
    for place, task in enumerate(tasks):
        found = [moments(one.matrix, one.matrix.tasks.index(task)) for one in subjects if task in one.matrix.tasks]
        drawn.append(_task(LEFT + GAP / 2 + place * (3 * BAR + GAP), task, list(zip(*found, strict=True))))
    box = f"0 0 {width} {TOP + TALL + FOOT}"
    svg = tag("svg", drawn, viewBox=box, width=width, height=TOP + TALL + FOOT, role="img")
    return tag("figure", _legend(), tag("div", svg, class_="wide"))


def _task(x: float, task: str, values: Sequence[Sequence[Cell]]) -> Html:
    bars = []
    for place, ((moment, colour), cells) in enumerate(zip(MOMENTS, values, strict=True)):
        known = [one for one in cells if one is not None]
        mean = fmean(known) if known else None
        height = TALL * min(1.0, max(0.0, mean or 0.0))
        told = tag("title", f"{task} {moment}: {number(mean)}")
        at = {"x": x + place * BAR, "y": TOP + TALL - height, "width": BAR - 2, "height": height}
        bars.append(tag("rect", told, **at, fill=ink(colour)) if mean is not None else None)
    middle = x + 1.5 * BAR
    turn = f"rotate(-35 {middle:.0f} {TOP + TALL + 14})"
    name = tag("text", short(task), x=middle, y=TOP + TALL + 14, text_anchor="end", transform=turn)
    return tag("g", bars, name)


def _axis(width: float) -> Html:
    return tag(
        "g",
        [
            [
                tag("line", x1=LEFT, x2=width, y1=TOP + TALL * (1 - one), y2=TOP + TALL * (1 - one), class_="grid"),
                tag("text", f"{one:g}", x=LEFT - 5, y=TOP + TALL * (1 - one) + 4, text_anchor="end"),
            ]
            for one in (0.0, 0.5, 1.0)
        ],
    )


def _legend() -> Html:
    square = {"width": 12, "height": 12}
    entries = [
        tag("li", tag("svg", tag("rect", x=0, y=0, **square, fill=colour), viewBox="0 0 12 12", **square), f" {moment}")
        for moment, colour in MOMENTS
    ]
    return tag("ul", entries, class_="legend")
