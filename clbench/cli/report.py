"""`clbench report`: one HTML file about one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clbench.report import Subject


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Run ids (or their beginnings), run directories, record files."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file [default: report.html, of one run in its directory, of several here]."),
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write one HTML file: heat map of R, forgetting curves, metrics, drift, costs, comparison of runs."""
    from clbench.base import atomic, home
    from clbench.cli import output
    from clbench.plugins.registry import registry
    from clbench.report import render

    subjects: list[Subject] = []
    folders: list[Path] = []
    for run in runs:
        subject, folder = _load(run, runs_dir=runs_dir or home.runs_dir())
        if subject not in subjects:
            subjects.append(subject)
            folders.append(folder)
    path = out or (folders[0] if len(folders) == 1 else Path()) / "report.html"
    atomic.write_text(path, render(subjects, summaries=registry().summary_specs()))
    if json:
        output.print_json({"path": str(path)})
    else:
        output.console().print(str(path), markup=False, soft_wrap=True)


def _load(run: str, *, runs_dir: Path) -> tuple[Subject, Path]:
    """The run, and where a report on it alone belongs: a record among boards' leaves its folder clean."""
    from clbench.report import of_record, of_run_dir
    from clbench.runs.record import read_record
    from clbench.runs.rundir import find_run

    if run.endswith(".json"):
        folder = Path(run).parent
        return of_record(read_record(Path(run))), folder if (folder / "run.json").is_file() else Path()
    run_dir = find_run(run, runs_dir=runs_dir)
    return of_run_dir(run_dir), run_dir.path
