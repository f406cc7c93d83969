"""`clbench show`: one run's R, metrics, costs and warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


def show(
    run: Annotated[str, typer.Argument(help="Run id (or its beginning), a run directory, or a record file.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check the run's files; exit 3 if some cannot be.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder of local data files, to check against.", envvar="CLBENCH_DATA")
    ] = None,
    bwt: Annotated[str | None, typer.Option(help="Definitions of BWT, such as gem,trace,treelora.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show a run: R with its base row, metrics, costs, warnings."""
    from clbench.base import home
    from clbench.base.errors import RecordError
    from clbench.cli import output, results
    from clbench.runs.record import read_record
    from clbench.runs.rundir import find_run

    if verify:
        folders = (runs_dir or home.runs_dir(), leaderboards_dir or home.leaderboards_dir())
        _verify(run, *folders, data_dir=data, as_json=json)
        return
    if run.endswith(".json"):
        record, state = read_record(Path(run)), {"status": "finished"}
    else:
        run_dir = find_run(run, runs_dir=runs_dir or home.runs_dir())
        state, record = run_dir.state(), run_dir.finished()
        if record is None:
            reason = f": {state['error']}" if state.get("error") else ""
            raise RecordError(
                f"run {run_dir.run_id} is {state.get('status', 'not finished')}{reason}; the same command runs it"
            )
    if json:
        output.print_json(results.record_json(record, state=state, bwt=bwt))
    else:
        results.print_record(record, bwt=bwt)


def _verify(run: str, runs_dir: Path, leaderboards_dir: Path, *, data_dir: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from clbench.boards.verify import verify
    from clbench.cli import output
    from clbench.plugins.registry import registry
    from clbench.runs.rundir import find_run

    run_dir = find_run(run, runs_dir=runs_dir)
    checks = verify(run_dir, registry=registry(), leaderboards=leaderboards_dir, data_dir=data_dir)
    if as_json:
        output.print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            said = f"{check.outcome:<12} {check.name}{': ' if check.detail else ''}{check.detail}"
            output.console().print(said, markup=False, soft_wrap=True)
    if any(check.outcome == "wrong" for check in checks):
        raise typer.Exit(1)
    missing = [check.name for check in checks if check.outcome == "not checked"]
    if missing:
        if not as_json:
            output.console().print(f"not verified: {', '.join(missing)} could not be checked", markup=False)
        raise typer.Exit(3)
    if not as_json:
        output.console().print(
            "verified; costs, footprint, drift and losses of probes are taken on trust", markup=False
        )
