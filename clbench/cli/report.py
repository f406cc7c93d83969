"""`clbench report`: one HTML file about one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Run ids (or their beginnings, or patterns with *), run directories, record files."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file [default: report.html, of one run in its directory, of several here]."),
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write one HTML file: heat map of R, forgetting curves, metrics, drift, costs, comparison of runs.

    Example: clbench report trace-mini_sequential trace-mini_mofo --out report.html
    """
    from clbench.base import atomic, home
    from clbench.cli.shared import output
    from clbench.cli.shared.subjects import load
    from clbench.plugins.registry import registry
    from clbench.report import render

    found = load(runs, runs_dir=runs_dir or home.runs_dir(), answers=True)
    path = out or (found[0][1] if len(found) == 1 else Path()) / "report.html"
    atomic.write_text(path, render([subject for subject, _ in found], summaries=registry().summary_specs()))
    if json:
        output.print_json({"path": str(path)})
    else:
        output.console().print(str(path), markup=False, soft_wrap=True)
