"""`clbench doctor`: what of this machine can be used, and what is missing for what."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Look at versions, devices, plugins, data and disk; exit 1 where something needs mending.

    Example: clbench doctor
    """
    from dataclasses import asdict

    from clbench.api.doctor import examine
    from clbench.cli.shared import output

    found = list(examine())
    if json:
        output.print_json([asdict(one) for one in found])
    else:
        rows = [{"": one.state, "what": one.name, "found, or needed for": one.detail} for one in found]
        output.print_table(rows, headings=rows[0])
    if any(one.state == "wrong" for one in found):
        raise typer.Exit(1)
