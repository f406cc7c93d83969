"""What the commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.encoding import takes
from clbench.base.text import in_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from clbench.metrics.matrix import Cell, ResultMatrix

CELL, GAP = 6, 3  # characters of a number with its sign, and between two columns


def print_json(value: Any) -> None:
    """One JSON document and nothing else on standard output; with escapes where that is no UTF-8."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    if not takes(text):
        text = json.dumps(value, indent=2, allow_nan=False)
    sys.stdout.write(in_json(text) + "\n")


def debugging() -> bool:
    """Whether `--debug` was given."""
    return "--debug" in sys.argv


def console() -> Console:
    """Standard output; wide when it is not a terminal, so that pipes get whole lines."""
    from clbench.cli.shared.screen import Screen

    return Screen(width=None if sys.stdout.isatty() else 200, highlight=False)


def print_table(rows: Sequence[Mapping[str, Any]], *, headings: Iterable[str], title: str = "") -> None:
    """Rows of plain text as a table; what comes from outside is never markup.

    In a terminal that is too narrow for each column's longest word, a row is a few lines instead, so that neither word
    nor number is cut.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(headings)
    cells = [[str(row.get(name, "")) for name in names] for row in rows]
    widths = [max(map(_longest, column)) for column in zip(names, *cells, strict=True)]
    if sum(widths) + GAP * len(names) > console().width:
        _print_as_lines(names, cells, title=title)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name, width in zip(names, widths, strict=True):
        table.add_column(Text(name), min_width=width)
    for row in cells:
        table.add_row(*map(Text, row))
    _print_titled(table, title)


def _longest(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _print_as_lines(names: Sequence[str], rows: Sequence[Sequence[str]], *, title: str) -> None:
    """The first cell as a heading, the others below it."""
    from rich.text import Text

    screen = console()
    if title:
        screen.print(Text(title, style="italic"), soft_wrap=True)
    for first, *rest in rows:
        screen.print(Text(first, style="bold"), soft_wrap=True)
        for name, value in zip(names[1:], rest, strict=True):
            screen.print(Text(f"  {name}: {value}" if name else f"  {value}"))


def _print_titled(table: Table, title: str) -> None:
    """The title on a line of its own: a path in it stays whole, however narrow the table."""
    from rich.text import Text

    if title:
        console().print(Text(title, style="italic"), soft_wrap=True)
    console().print(table)


def print_matrix(
    matrix: ResultMatrix,
    *,
    title: str,
    errors: Sequence[Sequence[Cell]] | None = None,
    ceilings: Mapping[str, float] | None = None,
) -> None:
    """R with its base row: green where a task was just learned, red where it lost more than a tenth since.

    Args:
        matrix: with the probes.
        title: above the table.
        errors: standard errors of rows 0 … T, of the tasks and then of the probes; shown below the scores.
        ceilings: by name of task or probe, what a model scores whose tokens are all right; shown in a row of its own.
    """
    from rich.text import Text

    short = [name.rpartition("/")[2] for name in matrix.tasks]
    probes = [name.rpartition("/")[2] for name in matrix.probes]
    rows = [("base", matrix.base)] if matrix.base else []
    rows += [(f"{i} {short[i - 1]}", row) for i, row in enumerate(matrix.rows, 1)]
    lines: list[list[Text]] = []
    for number, (_, row) in enumerate(rows, 0 if matrix.base else 1):
        cells = [Text(_cell(cell), style=_style(matrix, number, j)) for j, cell in enumerate(row)]
        cells += [Text(_cell(values[number]), style="cyan") for values in matrix.probes.values()]
        for cell, error in zip(cells, errors[number] if errors else (), strict=False):
            cell.append("" if error is None else f"\n±{error:.3f}", style="dim")
        lines.append(cells)
    names = [name for name, _ in rows]
    if ceilings:
        names.append("ceiling")
        lines.append([Text(_cell(ceilings.get(one)), style="yellow") for one in (*matrix.tasks, *matrix.probes)])
    _print_in_parts(names, [*short, *probes], lines, title=title)


def _print_in_parts(
    names: Sequence[str], headings: Sequence[str], lines: Sequence[Sequence[Text]], *, title: str
) -> None:
    """A table whose columns stand below each other, some at a time, where the terminal is too narrow for all."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    widths = [max(len(one), CELL) + GAP for one in headings]
    room = console().width - max(map(len, ("after", *names))) - GAP
    for first, last in parts(widths, room=room):
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column(Text("after"), no_wrap=True)
        for name in headings[first:last]:
            table.add_column(Text(name), overflow="fold")
        for name, cells in zip(names, lines, strict=True):
            table.add_row(Text(name), *cells[first:last])
        _print_titled(table, title if not first else "")


def parts(widths: Sequence[int], *, room: int) -> list[tuple[int, int]]:
    """First and end of each run of columns that fits a room; one that fits none stands alone."""
    found, first, used = [], 0, 0
    for place, width in enumerate(widths):
        if place > first and used + width > room:
            found.append((first, place))
            first, used = place, 0
        used += width
    return [*found, (first, len(widths))]


def _cell(cell: Cell) -> str:
    return "–" if cell is None else f"{cell:.3f}"


def _style(matrix: ResultMatrix, i: int, j: int) -> str:
    """Of R[i, j + 1]."""
    learned = matrix.rows[j][j]
    cell = matrix.rows[i - 1][j] if i else None
    if cell is None or learned is None or i <= j:
        return "dim"
    if i == j + 1:
        return "bold green"
    return "red" if cell < learned - 0.1 else ""


def metric_lines(values: Mapping[str, float | None], missing: Mapping[str, str]) -> list[str]:
    """One line a metric, with its definition in its name."""
    return [
        f"{name:<26} {value:+.4f}" if value is not None else f"{name:<26} –  {missing.get(name, '')}"
        for name, value in values.items()
    ]
