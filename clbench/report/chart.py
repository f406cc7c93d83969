"""Line charts as plain SVG: a few numbers need no plotting library, and the page stays small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.report.html import Html, tag

LEFT, RIGHT, TOP, BOTTOM = 30, 34, 8, 20
LABEL_WIDTH = 18


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Args:
        name: for the tooltips of its points.
        points: place on the x axis and score; places that were not measured are left out.
        colour: of the line and its points.
        dashes: as SVG has them.
        end: whether the last value is printed beside its point.
    """

    name: str
    points: Sequence[tuple[int, float]]
    colour: str
    dashes: str | None = None
    end: bool = False


def chart(lines: Sequence[Line], *, ticks: Sequence[str], title: str, width: int, height: int) -> Html:
    """Scores (0–1, always the whole axis, so that charts compare) over places named by ticks."""
    frame = _Frame(width, height, max(1, len(ticks) - 1))
    content = [tag("title", title), _axes(frame, ticks), *(_line(frame, line, ticks) for line in lines)]
    return tag("svg", content, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img")


@dataclass(frozen=True, slots=True)
class _Frame:
    width: int
    height: int
    steps: int

    def x(self, place: float) -> float:
        return LEFT + place / self.steps * (self.width - LEFT - RIGHT)

    def y(self, score: float) -> float:
        return TOP + (1 - score) * (self.height - TOP - BOTTOM)


def _axes(frame: _Frame, ticks: Sequence[str]) -> Html:
    marks = [
        [
            tag("line", x1=LEFT, x2=frame.width - RIGHT, y1=frame.y(score), y2=frame.y(score), class_="grid"),
            tag("text", f"{score:g}", x=LEFT - 5, y=frame.y(score) + 4, text_anchor="end"),
        ]
        for score in (0.0, 0.5, 1.0)
    ]
    step = math.ceil(LABEL_WIDTH * (frame.steps + 1) / (frame.width - LEFT))  # as many as there is room for
    names = [
        tag("text", name, x=frame.x(place), y=frame.height - 5, text_anchor="middle")
        for place, name in enumerate(ticks)
        if place % step == 0
    ]
    return tag("g", marks, names)


def _line(frame: _Frame, line: Line, ticks: Sequence[str]) -> Html:
    path = " ".join(f"{frame.x(place):.1f},{frame.y(score):.1f}" for place, score in line.points)
    drawn = tag("polyline", points=path, fill="none", stroke=line.colour, stroke_width=2, stroke_dasharray=line.dashes)
    dots = [
        tag(
            "circle",
            tag("title", f"{line.name}, after {ticks[place]}: {score:.3f}"),
            cx=frame.x(place),
            cy=frame.y(score),
            r=3,
            fill=line.colour,
        )
        for place, score in line.points
    ]
    return tag("g", drawn if len(line.points) > 1 else None, dots, _end(frame, line))


def _end(frame: _Frame, line: Line) -> Html | None:
    if not line.end or not line.points:
        return None
    place, score = line.points[-1]
    return tag("text", f"{score:.2f}", x=frame.x(place) + 6, y=frame.y(score) + 4, class_="end")
