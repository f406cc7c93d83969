"""Line charts as plain SVG: a few numbers need no plotting library, and the page stays small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clbench.report.html import Html, tag

LEFT, RIGHT, TOP, BOTTOM = 42, 34, 8, 20
LABEL_WIDTH = 18
MOST_DOTS = 40  # of a line; more would be one blot


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


def chart(
    lines: Sequence[Line],
    *,
    ticks: Sequence[str] | Mapping[int, str],
    title: str,
    width: int,
    height: int,
    high: float = 1.0,
) -> Html:
    """Values over places.

    Args:
        lines: to draw.
        ticks: names of the places 0, 1, …; or of some places.
        title: for who cannot see it.
        width: in pixels.
        height: in pixels.
        high: upper end of the axis, which begins at 0; scores have all of 0–1, so that charts compare.
    """
    names = ticks if isinstance(ticks, Mapping) else dict(enumerate(ticks))
    last = max([*names, *(place for line in lines for place, _ in line.points)], default=1)
    frame = _Frame(width, height, max(1, last), high)
    content = [tag("title", title), _axes(frame, names), *(_line(frame, line, names) for line in lines)]
    return tag("svg", content, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img")


def legend(entries: Sequence[tuple[str, str, str | None]]) -> Html:
    """Name, colour and dashes of each line."""
    return tag(
        "ul", [tag("li", swatch(colour, dashes), f" {name}") for name, colour, dashes in entries], class_="legend"
    )


def swatch(colour: str, dashes: str | None = None) -> Html:
    """A piece of a line."""
    line = tag("line", x1=0, x2=28, y1=6, y2=6, stroke=ink(colour), stroke_width=3, stroke_dasharray=dashes)
    return tag("svg", line, viewBox="0 0 28 12", width=28, height=12)


def ink(colour: str) -> str:
    """Black is the colour of the page's text, which a dark page turns."""
    return "currentColor" if colour == "#000000" else colour


@dataclass(frozen=True, slots=True)
class _Frame:
    width: int
    height: int
    steps: int
    high: float

    def x(self, place: float) -> float:
        return LEFT + place / self.steps * (self.width - LEFT - RIGHT)

    def y(self, score: float) -> float:
        return TOP + (1 - score / self.high) * (self.height - TOP - BOTTOM)


def _axes(frame: _Frame, ticks: Mapping[int, str]) -> Html:
    marks = [
        [
            tag("line", x1=LEFT, x2=frame.width - RIGHT, y1=frame.y(score), y2=frame.y(score), class_="grid"),
            tag("text", _amount(score), x=LEFT - 5, y=frame.y(score) + 4, text_anchor="end"),
        ]
        for score in (0.0, frame.high / 2, frame.high)
    ]
    step = math.ceil(LABEL_WIDTH * len(ticks) / (frame.width - LEFT)) or 1  # as many as there is room for
    names = [
        tag("text", name, x=frame.x(place), y=frame.height - 5, text_anchor="middle")
        for place, name in list(ticks.items())[::step]
    ]
    return tag("g", marks, names)


def _amount(value: float) -> str:
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3g}"


def _line(frame: _Frame, line: Line, ticks: Mapping[int, str]) -> Html:
    path = " ".join(f"{frame.x(place):.1f},{frame.y(score):.1f}" for place, score in line.points)
    colour = ink(line.colour)
    drawn = tag("polyline", points=path, fill="none", stroke=colour, stroke_width=2, stroke_dasharray=line.dashes)
    dots = [
        tag(
            "circle",
            tag("title", f"{line.name}, after {ticks.get(place, str(place))}: {score:.3f}"),
            cx=frame.x(place),
            cy=frame.y(score),
            r=3,
            fill=colour,
        )
        for place, score in (line.points if len(line.points) <= MOST_DOTS else ())
    ]
    return tag("g", drawn if len(line.points) > 1 else None, dots, _end(frame, line))


def _end(frame: _Frame, line: Line) -> Html | None:
    if not line.end or not line.points:
        return None
    place, score = line.points[-1]
    return tag("text", f"{score:.2f}", x=frame.x(place) + 6, y=frame.y(score) + 4, class_="end")
