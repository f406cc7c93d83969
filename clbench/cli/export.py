"""`clbench export`: what a finished run trained, as a folder that other programs load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    run: Annotated[str, typer.Argument(help="A finished run: its id, or the beginning of it.")],
    row: Annotated[int | None, typer.Option(help="After which task [default: the last].", min=1)] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Adapters into the base model's weights.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write [default: the run's own model].")] = None,
    model: Annotated[str | None, typer.Option(help="The base model, where its name does not find it.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
) -> None:
    """Write the model that a run trained, if it kept it or its checkpoints.

    Example: clbench export trace-mini_mofo --out my-model
    """
    from clbench.base import home
    from clbench.cli.shared import output
    from clbench.engine import exporting
    from clbench.plugins.registry import registry
    from clbench.runs.rundir import find_run

    run_dir = find_run(run, runs_dir=runs_dir or home.runs_dir())
    folder = exporting.export(run_dir, registry(), row=row, out=out, merge=merge, model=model)
    output.console().print(f"{folder}", markup=False, soft_wrap=True)
