"""`clbench leaderboard`: make boards from records, or check that they are what the records say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("leaderboard")(leaderboard)


def leaderboard(
    board: Annotated[str | None, typer.Option(help="Only this board.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when stale or invalid.")] = False,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make the markdown of all boards again from their records."""
    from clbench.base import home
    from clbench.boards.leaderboard import update
    from clbench.cli import output
    from clbench.plugins.registry import registry

    folder = leaderboards_dir or home.leaderboards_dir()
    known = registry()
    updates = update(
        folder,
        summaries=known.summary_specs(),
        board=board,
        write=not check,
        plugins=known.plugins,
        catalog=known.catalog(),
    )
    if json:
        output.print_json([{"board": str(one.path), "stale": one.stale, "problems": one.problems} for one in updates])
    else:
        screen = output.console()
        if not updates:
            screen.print(f"no records in {folder / 'results'}", markup=False)
        for one in updates:
            state = ("stale" if check else "written") if one.stale else "up to date"
            screen.print(f"{one.path}: {state}", markup=False, soft_wrap=True)
            for problem in one.problems:
                screen.print(f"  problem: {problem}", markup=False, soft_wrap=True)
    if any(one.problems or (check and one.stale) for one in updates):
        raise typer.Exit(1)
