"""`clbench compare`: paired differences of methods on the same seeds and orders; which of them nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.base.errors import OptionError

if TYPE_CHECKING:
    from clbench.boards.compare import Comparison
    from clbench.boards.pareto import Standing
    from clbench.metrics.intervals import Interval
    from clbench.metrics.summaries import SummarySpec
    from clbench.runs.record import Record

LEGEND = (
    "difference: mean over n pairs of the same seed and order, with its 95 % t-interval; bootstrap: another 95 % "
    "interval, from 6 pairs on; p: paired t-test, two-sided, after Holm over this table; cannot tell: p of 0.05 or "
    "more, as always where the t-interval holds zero; needed: pairs that would find such a difference (80 % power)"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    pairs: Annotated[
        list[str] | None,
        typer.Argument(help="METHOD:BASELINE as their rows are called, such as mofo:hft [default: all to --baseline]."),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Compare every row with this one [default: sequential].")] = None,
    board: Annotated[str | None, typer.Option(help="Board; not needed where there is one only.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Column, such as op or final.iqm; repeat.")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Show instead which rows nothing beats.")] = False,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare methods of a board pair by pair, on the same seeds and orders.

    Example: clbench compare mofo:sequential --metric op --metric final.iqm
    """
    from clbench.api.reading import board_records
    from clbench.base import home
    from clbench.plugins.registry import registry

    if pareto and (pairs or baseline):
        raise OptionError("--pareto looks at all rows: leave out pairs and --baseline")
    if pairs and baseline:
        raise OptionError("--baseline: leave it out where pairs are given, or the pairs")
    records = board_records(board, leaderboards_dir or home.leaderboards_dir())
    summaries = registry().summary_specs()
    if pareto:
        _pareto(records, summaries, metric, json=json)
    else:
        _differences(records, summaries, metric, pairs=pairs or [], baseline=baseline, json=json)


def _differences(
    records: Sequence[Record],
    summaries: Sequence[SummarySpec],
    metrics: Sequence[str] | None,
    *,
    pairs: Sequence[str],
    baseline: str | None,
    json: bool,
) -> None:
    from dataclasses import asdict

    from clbench.api.reading import parse_pair
    from clbench.boards.compare import METRICS, against
    from clbench.boards.compare import compare as compute
    from clbench.boards.style import default_style
    from clbench.cli.shared import output

    chosen = [parse_pair(one) for one in pairs] or against(records, baseline or default_style().baseline)
    found = compute(records, pairs=chosen, summaries=summaries, metrics=metrics or METRICS)
    if json:
        output.print_json([asdict(one) for one in found])
        return
    output.print_table([_cells(one) for one in found], headings=list(_cells(found[0])) if found else ())
    output.console().print(LEGEND, markup=False, soft_wrap=True)


def _cells(one: Comparison) -> dict[str, str]:
    return {
        "compared": f"{one.method} : {one.baseline}",
        "metric": one.metric,
        "n": str(one.difference.n),
        "values": f"{one.value.mean:.3f} : {one.base.mean:.3f}",
        "difference": f"{one.difference.mean:+.3f} {_interval(one.t_interval)}".strip(),
        "bootstrap": _interval(one.bootstrap) or "–",
        "p": "–" if one.p_holm is None else f"{one.p_holm:.4f}",
        "verdict": one.verdict,
        "needed": "–" if one.needed is None else f"{one.needed:,}",
    }


def _interval(one: Interval | None) -> str:
    return "" if one is None else f"[{one.low:+.3f}, {one.high:+.3f}]"


def _pareto(
    records: Sequence[Record], summaries: Sequence[SummarySpec], metrics: Sequence[str] | None, *, json: bool
) -> None:
    from dataclasses import asdict

    from clbench.boards.compare import check_metrics
    from clbench.boards.pareto import KEYS
    from clbench.boards.pareto import pareto as compute
    from clbench.cli.shared import output

    check_metrics(metrics or (), summaries, records)
    found = compute(records, summaries=summaries, keys=metrics or KEYS)
    if json:
        output.print_json([{**asdict(one), "on_front": one.on_front} for one in found])
        return
    rows = [_standing(one) for one in found]
    output.print_table(rows, headings=rows[0])


def _standing(one: Standing) -> dict[str, str]:
    from clbench.boards.values import cell
    from clbench.metrics.statistics import Estimate

    state = "bound" if one.bound else "front" if one.on_front else f"beaten by {', '.join(one.beaten_by)}"
    numbers = {key: cell(key, Estimate(value, None, one.n)) for key, value in one.numbers.items()}
    return {"method": one.method, "n": str(one.n), **numbers, "": state}
