"""`clbench run`: train methods on a stream, score after each task, add rows to a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.errors import StoppedError
from clbench.cli import options

if TYPE_CHECKING:
    from clbench.engine.request import Request
    from clbench.runs.runconfig import RunConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.engine.request import Request

    app.command("run")(options.with_fields(Request, run))


def run(
    *,
    given: dict[str, Any],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train methods on a stream of tasks, score after each task, add rows to a board."""
    from clbench.engine import session
    from clbench.engine.request import Request
    from clbench.plugins.registry import registry

    request = Request.of(**given)
    configs = session.prepare(request, registry())
    if dry_run:
        _print_estimates(configs, as_json=json)
        return
    try:
        _run(request, configs, as_json=json)
    except KeyboardInterrupt as error:  # typer would drop the sentence
        raise StoppedError(f"interrupted: {error}" if str(error) else "interrupted") from None


def _run(request: Request, configs: list[RunConfig], *, as_json: bool) -> None:
    from clbench.base.progress import make_progress
    from clbench.cli import output, results
    from clbench.engine import session
    from clbench.plugins.registry import registry
    from clbench.verification.afresh import check_afresh

    if not session.is_first_process():
        for _ in session.run_all(request, configs, registry(), make_progress(quiet=True)):
            pass
        return
    if not as_json:
        results.print_headline(configs[0])
    outcomes = []
    progress = make_progress(quiet=request.quiet)
    for outcome in session.run_all(request, configs, registry(), progress, check=check_afresh):
        outcomes.append(outcome)
        if not as_json:
            results.print_outcome(outcome, leaderboards_dir=request.leaderboards_dir)
    if as_json:
        output.print_json({"runs": [results.outcome_json(one, request.leaderboards_dir) for one in outcomes]})
        return
    for board in dict.fromkeys(outcome.record.board.name for outcome in outcomes):
        results.print_board(board, leaderboards_dir=request.leaderboards_dir)


def _print_estimates(configs: list[RunConfig], *, as_json: bool) -> None:
    from dataclasses import asdict

    from clbench.cli import output, results
    from clbench.engine.estimate import estimate

    rows = []
    for config in configs:
        run = config.run_id(config.choice.create(config.options))
        rows.append({"run": run, "board": config.board().name, **asdict(estimate(config))})
    if as_json:
        output.print_json({"plan": rows})
        return
    results.print_headline(configs[0])
    for row in rows:
        output.console().print(results.plan_text(row), markup=False)
