"""`clbench plot`: a picture of one or several runs for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be drawn."""

    R = "R"
    curves = "curves"
    bars = "bars"
    pareto = "pareto"
    drift = "drift"
    loss = "loss"
    experts = "experts"


class Columns(StrEnum):
    """How wide."""

    one = "one"
    two = "two"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plot")(plot)


def plot(
    kind: Annotated[Kind, typer.Argument(help="What to draw.")],
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Run ids (or their beginnings, or patterns with *), run directories, record files."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file: .pdf, .svg or .png.")],
    columns: Annotated[Columns, typer.Option(help="Columns of the page that it is for.")] = Columns.one,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Draw R, learning curves, bars before and after, a Pareto front, drift, loss, or the use of experts.

    Example: clbench plot bars trace-mini_sequential trace-mini_mofo --out bars.pdf
    """
    from clbench.base import atomic, home
    from clbench.cli.shared import output
    from clbench.cli.shared.subjects import load
    from clbench.report.figures import draw

    subjects = [one for one, _ in load(runs, runs_dir=runs_dir or home.runs_dir())]
    content = draw(kind.value, subjects, form=out.suffix.removeprefix(".").lower(), columns=columns.value)
    atomic.write_bytes(out, content)
    if json:
        output.print_json({"path": str(out)})
    else:
        output.console().print(str(out), markup=False, soft_wrap=True)
