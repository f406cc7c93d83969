"""The beginning of a README: R as a picture, and a board's first rows."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.base.text import markdown
from clbench.boards.markdown import table
from clbench.boards.style import default_style
from clbench.boards.tables import TableRow, board_table
from clbench.boards.values import cell
from clbench.report.study.evidence import Evidence
from clbench.report.study.tables import COLUMNS

ROWS = 8
KEYS = ("op", "bwt.gem", "learning_accuracy", "retention.facts", "drift.kl")


def front(evidence: Evidence, *, page: str, picture: str | None, besides: Sequence[str]) -> str:
    """Markdown of the first rows of a board, by OP, below R of some methods; on one order, which all rows have.

    Args:
        evidence: of one stream.
        page: link to the whole study.
        picture: link to the picture of R.
        besides: methods whose rows are shown wherever they stand.
    """
    order, *others = evidence.orders
    runs = [run for run in evidence.runs if run.order == order]
    found = board_table(evidence.board.name, runs, style=default_style(), summaries=evidence.summaries, metrics=KEYS)
    rows = _apart(found.rows)
    shown = [
        [str(place), markdown(row.method), str(row.n), *(cell(*one) for one in zip(KEYS, row.estimates, strict=True))]
        for place, row in enumerate(rows, 1)
        if place <= ROWS or row.method.partition(" (")[0] in besides
    ]
    headings = ["", "method", "n", *(COLUMNS[key] for key in KEYS)]
    where = f"on {order}, " if others else ""
    said = (
        f"Of {len(rows)} rows of `{evidence.board.name}` that differ, {where}by OP, mean ± sample standard deviation "
        f"over n runs; what holds of methods' orderings, with intervals: [{page}]({page})."
    )
    image = [f"![R of methods: rows are after each task, columns are tasks and probes]({picture})"] if picture else []
    return "\n\n".join([*image, table(headings, shown, numeric=[one != "method" for one in headings]), said])


def _apart(rows: Sequence[TableRow]) -> list[TableRow]:
    """Without the same experiment of a method again, as where an option says what the protocol says anyway."""
    found = {(row.method.partition(" (")[0], row.estimates): row for row in reversed(rows)}
    return [row for row in rows if found[row.method.partition(" (")[0], row.estimates] is row]
