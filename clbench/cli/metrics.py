"""`clbench metrics`: every named metric of a bare R, with no run behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("metrics")(metrics)


def metrics(
    file: Annotated[Path, typer.Argument(help='JSON: {"matrix": [[…], …], "base": […]}; null = not measured.')],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compute OP, BWT under each definition, forgetting and the rest from a result matrix.

    Example: clbench metrics r.json
    """
    from clbench.cli.shared import output, results
    from clbench.metrics.matrix import read_matrix
    from clbench.metrics.summaries import nested

    values, missing = results.metrics_of(read_matrix(file / "matrix.json" if file.is_dir() else file))
    if json:
        output.print_json({"metrics": nested(values), "missing": missing})
        return
    for line in output.metric_lines(values, missing):
        output.console().print(line, markup=False)
