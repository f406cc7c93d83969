"""`clbench leaderboard`: make boards from records, check that they are what the records say, or print one's rows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.errors import OptionError
from clbench.base.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clbench.boards.tables import BoardTable
    from clbench.plugins.registry import Registry


class Format(StrEnum):
    """How rows are printed."""

    md = "md"
    csv = "csv"
    latex = "latex"
    html = "html"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("leaderboard")(leaderboard)


def leaderboard(
    board: Annotated[str | None, typer.Option(help="Only this board.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when stale or invalid.")] = False,
    format_: Annotated[Format | None, typer.Option("--format", help="Print one board's rows, write nothing.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="With --format or --json: a column, such as op or vs.op; repeat.")
    ] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make the markdown of all boards again from their records; with --format print a board's rows.

    Example: clbench leaderboard --format latex --metric op --metric vs.op
    """
    from clbench.base import home
    from clbench.plugins.registry import registry

    folder, known = leaderboards_dir or home.leaderboards_dir(), registry()
    _check(metric or [], known, wanted=format_ is not None or json)
    if format_ is not None:
        if check or json:
            raise OptionError("--format prints rows: leave out --check and --json")
        _print_rows(format_, _table(_only(folder, board), folder, known, metric or ()))
        return
    _update(folder, known, board=board, check=check, metrics=metric or (), json=json)


def _check(metrics: list[str], known: Registry, *, wanted: bool) -> None:
    from clbench.boards.compare import check_metrics

    if metrics and not wanted:
        raise OptionError("--metric names the columns of --format and of --json")
    check_metrics([one.removeprefix("vs.") for one in metrics], known.summary_specs(), ())


def _only(folder: Path, board: str | None) -> Path:
    from clbench.base.errors import RecordError
    from clbench.boards.loading import board_folders

    found = board_folders(folder, board=board)
    if len(found) != 1:
        raise RecordError(f"--board is missing: there is {', '.join(one.name for one in found) or 'none'} in {folder}")
    return found[0]


def _table(records: Path, leaderboards: Path, known: Registry, metrics: Sequence[str]) -> BoardTable:
    from clbench.boards.index import Index
    from clbench.boards.loading import load_entries
    from clbench.boards.style import default_style
    from clbench.boards.tables import board_table

    style, summaries = default_style(), known.summary_specs()
    keys = dict.fromkeys((*style.keys, *(one.removeprefix("vs.") for one in metrics)))
    found = load_entries(
        records,
        leaderboards=leaderboards,
        summaries=summaries,
        keys=tuple(keys),
        index=Index(),
        catalog=known.catalog,
    )
    return board_table(records.name, found.entries, style=style, summaries=summaries, metrics=metrics)


def _print_rows(kind: Format, table: BoardTable) -> None:
    from clbench.boards.tables import FORMATS, as_json
    from clbench.cli.shared import output

    if kind is Format.json:
        output.print_json(as_json(table))
    else:
        typer.echo(FORMATS[kind.value](table), nl=False)


def _update(
    folder: Path, known: Registry, *, board: str | None, check: bool, metrics: Sequence[str], json: bool
) -> None:
    from clbench.boards.leaderboard import update
    from clbench.cli.shared import output

    updates = update(
        folder,
        summaries=known.summary_specs(),
        board=board,
        write=not check,
        plugins=known.plugins,
        catalog=known.catalog,
    )
    if json:
        output.print_json([_json(one, folder, known, metrics) for one in updates])
    else:
        _print_updates(updates, folder, check=check)
    if any(one.problems or (check and one.stale) for one in updates):
        raise typer.Exit(1)


def _json(one: Any, folder: Path, known: Registry, metrics: Sequence[str]) -> dict[str, Any]:
    from clbench.boards.tables import as_json

    records = folder / "results" / one.path.stem
    rows = as_json(_table(records, folder, known, metrics)) if records.is_dir() else {"columns": [], "rows": []}
    return {**rows, "board": str(one.path), "stale": one.stale, "problems": one.problems}


def _print_updates(updates: Sequence[Any], folder: Path, *, check: bool) -> None:
    if not updates:
        typer.echo(f"no records in {plain(str(folder / 'results'))}")
    for one in updates:
        state = ("stale" if check else "written") if one.stale else "up to date"
        typer.echo(f"{plain(str(one.path))}: {state}")
        for problem in one.problems:
            typer.echo(f"  problem: {plain(problem)}")
