"""A board's markdown: what its runs have in common, their rows, best first, and what a reader must know. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.base.text import markdown
from clbench.boards.entries import Entry, notes_of
from clbench.boards.markdown import table
from clbench.boards.signatures import TIERS
from clbench.boards.style import BOUNDS, BoardStyle
from clbench.boards.values import Row, Run, Values, cell, rows_of
from clbench.methods.methodspec import UNPACKAGED
from clbench.metrics.statistics import Estimate
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Board

ONE_RUN, ONE_RUN_NOTE = "†", "† one run, so nothing is known of its spread: ranked behind rows of several"


def board_rows(records: Sequence[Run], *, style: BoardStyle, summaries: Sequence[SummarySpec]) -> list[dict[str, str]]:
    """The finished cells of a board, best row first: heading to text. Before them, the bounds that were run."""
    values = Values(summaries, records)
    rows = rows_of(records)
    baseline = baseline_of(rows, style.baseline)
    scored = [(values.estimate(row, style.rank_by, baseline=baseline), row) for row in rows]
    scored.sort(key=lambda pair: rank(*pair))
    bounds = {row.label: estimate for estimate, row in scored if row.label in BOUNDS and estimate}
    several = any(len(row.records) > 1 for row in rows)
    finished = [
        {
            "Method": markdown(row.label),
            "n": f"1 {ONE_RUN}" if several and len(row.records) == 1 else str(len(row.records)),
            **{one.heading: cell(one.key, values.estimate(row, one.key, baseline=baseline)) for one in style.columns},
            "Checked": markdown(checked(row)),
            "Package": markdown(", ".join(f"{name} {version}" for name, version in sorted(row.packages.items()))),
        }
        for _, row in scored
    ]
    return [_bounds_row(bounds, style=style), *finished] if bounds else finished


def rank(estimate: Estimate | None, row: Row) -> tuple[bool, bool, bool, float, str]:
    """Best first; then rows of one run; after all others the methods that are in no package, which nobody can run."""
    mean = estimate.mean if estimate else 0.0
    return UNPACKAGED in row.packages, estimate is None, len(row.records) == 1, -mean, row.label


def baseline_of(rows: Sequence[Row], name: str) -> Row | None:
    """The row that differences are taken from: the method with default options, else its only row."""
    plain = [row for row in rows if row.label == name]
    named = [row for row in rows if row.records[0].method.name == name]
    return plain[-1] if plain else named[0] if len(named) == 1 else None


def _bounds_row(bounds: Mapping[str, Estimate], *, style: BoardStyle) -> dict[str, str]:
    """What lies below and above everything else: the untouched model, a model a task, all tasks at once."""
    shown = ", ".join(f"{name} {cell(style.rank_by, bounds[name])}" for name in BOUNDS if name in bounds)
    cells = {one.heading: shown if one.key == style.rank_by else "–" for one in style.columns}
    return {"Method": "bounds", "n": "–", **cells, "Checked": "–", "Package": "–"}


def checked(row: Row) -> str:
    """How far all runs of a row were checked, the least of them, and by whom."""
    signed = [(one.tier, one.signed) if isinstance(one, Entry) else ("reported", "") for one in row.records]
    lowest = min((tier for tier, _ in signed), key=TIERS.index)
    names = sorted({name for tier, name in signed if tier == lowest and name})
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{lowest} ({'; '.join(names[:2])}{more})" if names else lowest


def render(board: Board, records: Sequence[Run], *, rows: Sequence[Mapping[str, str]], style: BoardStyle) -> str:
    """Markdown of one board, without its markers; `rows` are `board_rows` of the same records."""
    costs = {one.heading for one in style.columns if one.key.partition(".")[0] in ("cost", "footprint", "drift")}
    results = [name for name in rows[0] if name not in costs and _is_shown(rows, name)]
    lines = [describe(board), "", _table(rows, results), "", "Costs, footprint, drift (means over the same runs):", ""]
    lines += [_table(rows, ["Method", *(name for name in rows[0] if name in costs)]), ""]
    notes = sorted({f"- {markdown(note)}" for run in records for note in notes_of(run)})
    notes += [f"- {ONE_RUN_NOTE}"] if any(ONE_RUN in row["n"] for row in rows) else []
    return "\n".join([*lines, *notes]).rstrip()


def _is_shown(rows: Sequence[Mapping[str, str]], heading: str) -> bool:
    """A column that no row has a number for is left out."""
    return any(row[heading] != "–" for row in rows)


def _table(rows: Sequence[Mapping[str, str]], headings: Sequence[str]) -> str:
    numeric = [heading not in ("Method", "Checked", "Package") for heading in headings]
    return table(headings, [[row[heading] for heading in headings] for row in rows], numeric=numeric)


def _probes(board: Board) -> dict[str, str]:
    """What was scored and never trained on, with a hash of what was asked."""
    names = ", ".join(f"{name} ({identity[:8]})" for name, identity in sorted(board.probes.items()))
    return {"Probes": names} if names else {}


def _validation(board: Board) -> dict[str, str]:
    """That a board is none to publish."""
    return {"Scored on": "validation records, to choose settings by; no result"} if board.split == "eval" else {}


def describe(board: Board) -> str:
    """What the runs of a board have in common, in words."""
    protocol = board.protocol
    stream = board.stream if board.variant == "files" else f"{board.stream}, variant {board.variant}"
    changed = ", ".join(f"{key}={value}" for key, value in sorted(board.changes.items()))
    parts = {
        "Stream": f"{stream} (data {board.data[:8]}, tasks {board.tasks[:8]})",
        **_validation(board),
        "Protocol": f"{protocol['name']}{' with ' + changed if changed else ''}",
        "Base model": f"{board.model['name']} ({board.model['hash'][:8]})",
        **_probes(board),
        "Scorers": f"version {board.scorer_version}; ranked by {protocol['scorer']} scores, 0–1",
        "Spread": "± is the sample standard deviation over n runs; for differences the 95 % t-interval of pairs",
    }
    return "\n".join(f"- {name}: {markdown(text)}" for name, text in parts.items())
