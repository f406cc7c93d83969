"""`clbench compare`: paired differences of methods on the same seeds and orders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    pairs: Annotated[list[str], typer.Argument(help="METHOD:BASELINE as their rows are called, such as mofo:hft.")],
    board: Annotated[str | None, typer.Option(help="Board; not needed where there is one only.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Column, such as op or retention.facts; repeat.")] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare methods of a board pair by pair, on the same seeds and orders."""
    from dataclasses import asdict

    from clbench.api.reading import board_records, parse_pair
    from clbench.base import home
    from clbench.boards.compare import METRICS
    from clbench.boards.compare import compare as compute
    from clbench.cli import output
    from clbench.plugins.registry import registry

    records = board_records(board, leaderboards_dir or home.leaderboards_dir())
    found = compute(
        records,
        pairs=[parse_pair(one) for one in pairs],
        summaries=registry().summary_specs(),
        metrics=metric or METRICS,
    )
    if json:
        output.print_json([asdict(one) for one in found])
        return
    output.print_table([_cells(one) for one in found], headings=list(_cells(found[0])) if found else ())
    output.console().print(
        "difference: mean of the pairs ± half a 95 % t-interval; p: paired t-test, two-sided, not corrected for the "
        "number of comparisons",
        markup=False,
        soft_wrap=True,
    )


def _cells(one: Any) -> dict[str, str]:
    def number(value: float, spread: float | None, sign: str = "") -> str:
        return f"{value:{sign}.3f}" + ("" if spread is None else f" ± {spread:.3f}")

    return {
        "method": one.method,
        "baseline": one.baseline,
        "metric": one.metric,
        "n": str(one.difference.n),
        "method's": number(one.value.mean, one.value.spread),
        "baseline's": number(one.base.mean, one.base.spread),
        "difference": number(one.difference.mean, one.difference.spread, "+"),
        "p": "–" if one.p is None else f"{one.p:.4f}",
    }
