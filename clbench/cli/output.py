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

    from clbench.metrics.matrix import Cell, ResultMatrix


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
    from clbench.cli.screen import Screen

    return Screen(width=None if sys.stdout.isatty() else 200, highlight=False)


def print_table(rows: Sequence[Mapping[str, Any]], *, headings: Iterable[str], title: str = "") -> None:
    """Rows of plain text as a table; what comes from outside is never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(headings)
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(name), overflow="fold")  # in a narrow terminal nothing is cut
    for row in rows:
        table.add_row(*(Text(str(row.get(name, ""))) for name in names))
    _print_titled(table, title)


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
    from rich import box
    from rich.table import Table
    from rich.text import Text

    short = [name.rpartition("/")[2] for name in matrix.tasks]
    probes = [name.rpartition("/")[2] for name in matrix.probes]
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("after", *short, *probes):
        table.add_column(Text(name))
    rows = [("base", matrix.base)] if matrix.base else []
    rows += [(f"{i} {short[i - 1]}", row) for i, row in enumerate(matrix.rows, 1)]
    for number, (name, row) in enumerate(rows, 0 if matrix.base else 1):
        cells = [Text(_cell(cell), style=_style(matrix, number, j)) for j, cell in enumerate(row)]
        cells += [Text(_cell(values[number]), style="cyan") for values in matrix.probes.values()]
        for cell, error in zip(cells, errors[number] if errors else (), strict=False):
            cell.append("" if error is None else f"\n±{error:.3f}", style="dim")
        table.add_row(Text(name), *cells)
    if ceilings:
        table.add_row(
            Text("ceiling"),
            *(Text(_cell(ceilings.get(name)), style="yellow") for name in (*matrix.tasks, *matrix.probes)),
        )
    _print_titled(table, title)


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
