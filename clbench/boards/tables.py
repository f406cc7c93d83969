"""A board's rows for a paper, a page or a program: the same numbers as markdown, CSV, LaTeX, HTML and JSON. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from clbench.base.text import html, markdown, terminal
from clbench.boards.markdown import table as pipe_table
from clbench.boards.render import ONE_RUN, ONE_RUN_NOTE, baseline_of, checked, rank
from clbench.boards.style import BoardStyle, Column
from clbench.boards.values import Run, Values, cell, rows_of
from clbench.metrics.statistics import Estimate
from clbench.metrics.summaries import SummarySpec


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a board.

    Args:
        method: its label.
        n: its runs.
        single: whether it has one run where others have several.
        checked: how far its runs were checked, in words.
        package: with versions.
        estimates: a number for each column, or None.
    """

    method: str
    n: int
    single: bool
    checked: str
    package: str
    estimates: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class BoardTable:
    """A board as numbers.

    Args:
        board: its name.
        columns: keys and headings.
        rows: best first, those of one run behind the others.
    """

    board: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]


def board_table(
    board: str,
    runs: Sequence[Run],
    *,
    style: BoardStyle,
    summaries: Sequence[SummarySpec],
    metrics: Sequence[str] = (),
) -> BoardTable:
    """The rows of a board.

    Args:
        board: its name.
        runs: that count.
        style: how boards are shown.
        summaries: functions of R.
        metrics: keys of the columns; else those of the style that some row has a number for.
    """
    values, rows = Values(summaries, runs), rows_of(runs)
    baseline = baseline_of(rows, style.baseline)
    ranked = sorted(rows, key=lambda row: rank(values.estimate(row, style.rank_by, baseline=baseline), row))
    headings = {one.key: one.heading for one in style.columns}
    columns = [Column(key=key, heading=headings.get(key, key)) for key in metrics or headings]
    found = {one.key: [values.estimate(row, one.key, baseline=baseline) for row in ranked] for one in columns}
    shown = [one for one in columns if metrics or any(found[one.key])]
    most = max((len(row.records) for row in rows), default=0)
    return BoardTable(
        board,
        tuple(shown),
        tuple(
            TableRow(
                method=row.label,
                n=len(row.records),
                single=len(row.records) == 1 < most,
                checked=checked(row),
                package=", ".join(f"{name} {version}" for name, version in sorted(row.packages.items())),
                estimates=tuple(found[one.key][place] for one in shown),
            )
            for place, row in enumerate(ranked)
        ),
    )


def as_json(table: BoardTable) -> dict[str, Any]:
    """Everything as numbers: mean, spread (a sample standard deviation; half an interval for `vs.`) and n."""
    return {
        "board": table.board,
        "columns": [one.model_dump() for one in table.columns],
        "rows": [
            {
                "method": row.method,
                "n": row.n,
                "one_run": row.single,
                "checked": row.checked,
                "package": row.package,
                "values": {
                    column.key: one and {"mean": one.mean, "spread": one.spread, "n": one.n}
                    for column, one in zip(table.columns, row.estimates, strict=True)
                },
            }
            for row in table.rows
        ],
    }


def as_csv(table: BoardTable) -> str:
    """Numbers in full, an empty cell for what is not known; each column is followed by its spread."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = [name for one in table.columns for name in (one.key, f"{one.key}.spread")]
    writer.writerow(["method", "n", "one_run", "checked", "package", *keys])
    for row in table.rows:
        cells = [value for one in row.estimates for value in ((one.mean, one.spread) if one else (None, None))]
        texts = [_unformulated(text) for text in (row.method, row.checked, row.package)]
        writer.writerow([texts[0], row.n, int(row.single), *texts[1:], *cells])
    return out.getvalue()


def as_markdown(table: BoardTable) -> str:
    """A pipe table."""
    headings, rows = _texts(table, markdown)
    numeric = [place > 0 for place in range(len(headings))]
    return f"{pipe_table(headings, rows, numeric=numeric)}\n" + _note(table, "\n{}\n")


def as_latex(table: BoardTable) -> str:
    """A `tabular` with the rules of booktabs; the paper's own `table` goes around it."""
    headings, rows = _texts(table, latex)
    lines = [
        rf"% board {terminal(table.board)}; needs \usepackage{{booktabs}}",
        rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        r"\toprule",
        *(" & ".join(cells) + r" \\" for cells in (headings,)),
        r"\midrule",
        *(" & ".join(cells) + r" \\" for cells in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n" + _note(table, "% {}\n")


def as_html(table: BoardTable) -> str:
    """A `table` element."""
    headings, rows = _texts(table, html)
    head = "".join(f'<th scope="col">{one}</th>' for one in headings)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{one}</td>" for one in rest)}</tr>' for first, *rest in rows
    )
    caption = html(table.board) + _note(table, "; {}")
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
    )


FORMATS: dict[str, Callable[[BoardTable], str]] = {
    "md": as_markdown,
    "csv": as_csv,
    "latex": as_latex,
    "html": as_html,
}
"""By the name that a user says; JSON besides."""


def latex(text: object) -> str:
    """One line as part of a LaTeX document: nothing of it is a command."""
    line = re.sub(r"[\\{}$&#_%~^]", lambda found: _LATEX[found[0]], terminal(text))
    return "".join(_SYMBOLS.get(one, one) for one in line)


_LATEX = {one: rf"\{one}" for one in "{}$&#_%"}
_LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SYMBOLS = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$", "Δ": r"$\Delta$", "−": "$-$", "÷": r"$\div$"}
_SYMBOLS |= {"–": "--", "†": r"$^\dagger$"}


def _texts(table: BoardTable, shown: Callable[[object], str]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells as boards have them, escaped for where they go."""
    headings = ["Method", "n", *(one.heading for one in table.columns)]
    rows = [
        [
            row.method,
            f"{row.n}{f' {ONE_RUN}' if row.single else ''}",
            *(cell(column.key, one) for column, one in zip(table.columns, row.estimates, strict=True)),
        ]
        for row in table.rows
    ]
    return [shown(one) for one in headings], [[shown(one) for one in row] for row in rows]


def _note(table: BoardTable, form: str) -> str:
    return form.format(ONE_RUN_NOTE) if any(row.single for row in table.rows) else ""


def _unformulated(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    plain = terminal(text)
    return f"'{plain}" if plain[:1] in ("=", "+", "-", "@") else plain
