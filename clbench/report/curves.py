"""Forgetting curves: what becomes of each task; and of the average over the tasks learned so far."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from clbench.metrics.matrix import ResultMatrix
from clbench.report.chart import Line, chart, legend
from clbench.report.colours import line_style
from clbench.report.heatmap import score, short
from clbench.report.html import Html, tag
from clbench.report.subject import Subject

BEFORE, SINCE = "#8a8a8a", "#0072b2"


def forgetting_curves(matrix: ResultMatrix) -> Html:
    """A small chart a task: grey before it is learned, blue since."""
    return tag("div", [_of_task(matrix, j) for j in range(1, matrix.num_tasks + 1)], class_="panels")


def _of_task(matrix: ResultMatrix, j: int) -> Html:
    name = matrix.tasks[j - 1]
    rows = range(matrix.num_tasks + 1)
    points = [(i, value) for i in rows if (value := score(matrix, i, j)) is not None]
    lines = [
        Line(name, [point for point in points if point[0] <= j], BEFORE, dashes="3 3"),
        Line(name, [point for point in points if point[0] >= j], SINCE, end=True),
    ]
    ticks = ["base", *map(str, rows[1:])]
    drawn = chart(lines, ticks=ticks, title=f"score of {name} after each experience", width=250, height=130)
    return tag("figure", tag("figcaption", f"{j} {short(name)}", title=name), drawn)


def average_scores(matrix: ResultMatrix) -> list[tuple[int, float]]:
    """Each t with A_t = (1/t) Σ_{i≤t} R[t,i], wherever all of it was measured."""
    found = []
    for t, row in enumerate(matrix.rows, 1):
        seen = [value for value in row[:t] if value is not None]
        if len(seen) == t:
            found.append((t, fmean(seen)))
    return found


def overlay(subjects: Sequence[Subject]) -> Html:
    """The average score of several runs in one chart, the runs of a method in one colour."""
    looks = looks_of(subjects)
    lines = []
    for one in subjects:
        colour, dashes = looks[one.method.label]
        points = [(t - 1, value) for t, value in average_scores(one.matrix)]
        lines.append(Line(f"{one.method.label}, seed {one.seed}, {one.order}", points, colour, dashes=dashes))
    ticks = [str(t + 1) for t in range(max(one.matrix.num_tasks for one in subjects))]
    caption = "A_t: mean score over the tasks learned so far, after each experience; only where all of them were scored"
    return tag(
        "figure",
        legend([(label, *look) for label, look in looks.items()]),
        chart(lines, ticks=ticks, title="average score after each experience", width=720, height=320),
        tag("figcaption", caption),
    )


def looks_of(subjects: Sequence[Subject]) -> dict[str, tuple[str, str | None]]:
    """Colour and dashes of each method."""
    labels = dict.fromkeys(one.method.label for one in subjects)
    return {label: line_style(number) for number, label in enumerate(labels)}
