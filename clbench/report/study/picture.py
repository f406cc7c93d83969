"""R of some methods as one SVG that reads on light and on dark pages: cells in colour, text as text, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.base.text import terminal
from clbench.boards.entries import ranking
from clbench.metrics.matrix import Cell, ResultMatrix
from clbench.report.colours import shade
from clbench.report.heatmap import mean_matrix, short
from clbench.report.html import Html, tag
from clbench.report.study.evidence import Evidence, records
from clbench.report.study.rates import ways
from clbench.report.study.tables import on_order

WIDE, HIGH, NAMES, HEAD, GAP = 46, 22, 118, 78, 28
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.learned{stroke:#1f2328}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.learned{stroke:#e6edf3}}"
)


def picture(matrices: Mapping[str, ResultMatrix]) -> str:
    """One panel a method, one below the other: rows are after each task, columns are tasks and scored probes.

    Args:
        matrices: by the panel's title.
    """
    heights = [HEAD + HIGH * (one.num_tasks + 1) + GAP for one in matrices.values()]
    width = NAMES + WIDE * max(len(_columns(one)) for one in matrices.values()) + GAP
    panels, top = [], 0
    for (title, matrix), height in zip(matrices.items(), heights, strict=True):
        panels.append(tag("g", _panel(title, matrix), transform=f"translate(0 {top})"))
        top += height
    told = f"R of {', '.join(map(terminal, matrices))}"
    content = [tag("title", told), tag("style", Html(STYLE)), panels]
    size = {"viewBox": f"0 0 {width} {sum(heights)}", "width": width, "height": sum(heights)}
    return tag("svg", content, xmlns="http://www.w3.org/2000/svg", role="img", **size) + "\n"


def shown(evidence: Evidence, methods: Sequence[str]) -> dict[str, ResultMatrix]:
    """Means over the runs on the first order, at the protocol's rate where the methods were run so, else at their own.

    Args:
        evidence: of a stream.
        methods: by name; those that were not run so are left out.
    """
    found = [way for way in ways(evidence) if not way.by_rate]
    way = max(found, key=lambda way: (sum(name in way.rows for name in methods), found.index(way)))
    order = evidence.orders[0]
    runs = {name: records(on_order(way.rows[name], order)) for name in methods if name in way.rows}
    return {
        f"{name} at {way.name}: {order}, mean of {len(made)}": mean_matrix([run.matrix(ranking(run)) for run in made])
        for name, made in runs.items()
        if made
    }


def _columns(matrix: ResultMatrix) -> dict[str, tuple[Cell, ...]]:
    """Scores of tasks and probes by name, the base model's first; a loss has no such scale."""
    base = matrix.base or (None,) * matrix.num_tasks
    tasks = {name: tuple(row[j] for row in (base, *matrix.rows)) for j, name in enumerate(matrix.tasks)}
    return tasks | {name: cells for name, cells in matrix.probes.items() if not name.endswith("text")}


def _panel(title: str, matrix: ResultMatrix) -> list[Html]:
    columns = _columns(matrix)
    rows = ["base", *(f"{i} {short(name)}" for i, name in enumerate(matrix.tasks, 1))]
    head = [
        tag("text", short(name), transform=f"translate({NAMES + WIDE * j + WIDE / 2:g} {HEAD - 6}) rotate(-30)")
        for j, name in enumerate(columns)
    ]
    side = [tag("text", name, x=NAMES - 6, y=HEAD + HIGH * i + 15, text_anchor="end") for i, name in enumerate(rows)]
    cells = [_cell(cell, i, j) for j, column in enumerate(columns.values()) for i, cell in enumerate(column)]
    return [tag("text", title, x=0, y=14, class_="title"), *head, *side, *cells]


def _cell(value: Cell, i: int, j: int) -> Html:
    """A score on its colour; what was just learned has a frame."""
    x, y = NAMES + WIDE * j, HEAD + HIGH * i
    if value is None:
        return tag("text", "–", x=x + WIDE / 2, y=y + 15, text_anchor="middle")
    background, foreground = shade(value)
    frame = {"class_": "learned", "stroke_width": 2} if i == j + 1 else {}
    square = tag("rect", x=x + 1, y=y + 1, width=WIDE - 2, height=HIGH - 2, fill=background, **frame)
    number = tag("text", f"{value:.2f}", x=x + WIDE / 2, y=y + 15, text_anchor="middle", style=f"fill:{foreground}")
    return Html(square + number)
