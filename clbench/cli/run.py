"""`clbench run`: train methods on a stream, score after each task, add rows to a board."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from clbench.base.errors import StoppedError
from clbench.cli import options

if TYPE_CHECKING:
    import typer

    from clbench.engine.request import Request
    from clbench.runs.runconfig import RunConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    stream: options.Stream = None,
    plugin: options.Plugin = None,
    preset: options.Preset = None,
    model: options.Model = "clbench/tiny",
    revision: options.Revision = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    order: options.Order = None,
    orders: options.Orders = None,
    option: options.Option = None,
    set_: options.Set = None,
    probe: options.Probe = None,
    probe_limit: options.ProbeLimit = None,
    probe_schedule: options.ProbeScheduled = options.ProbeSchedule.before_after,
    data: options.Data = None,
    allow_code: options.AllowCode = False,
    allow_task_code: options.AllowTaskCode = False,
    dry_run: options.DryRun = False,
    fresh: options.Fresh = False,
    runs_dir: options.RunsDir = None,
    leaderboards_dir: options.LeaderboardsDir = None,
    trust_remote_code: options.TrustRemoteCode = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train methods on a stream of tasks, score after each task, add rows to a board."""
    from clbench.base import consent, home
    from clbench.engine import words
    from clbench.engine.request import Request
    from clbench.sandbox import sandbox

    if allow_code:
        os.environ[sandbox.SWITCH] = "1"
    if allow_task_code:
        consent.allow_task_code()
    request = Request(
        stream=stream,
        plugin=tuple(plugin or ()),
        preset=preset,
        model=model,
        revision=revision,
        trust_remote_code=trust_remote_code,
        seed=tuple(seed or ()),
        seeds=seeds,
        order=tuple(order or ()),
        orders=orders,
        options=words.parse_assignments(option or [], option="-o"),
        settings=words.parse_settings(set_ or []),
        probe=tuple(probe or ()),
        probe_limit=probe_limit,
        probe_schedule=probe_schedule.value,
        data=data,
        fresh=fresh,
        runs_dir=runs_dir or home.runs_dir(),
        leaderboards_dir=leaderboards_dir or home.leaderboards_dir(),
    )
    _carry_out(request, dry_run=dry_run, as_json=json, quiet=quiet)


def _carry_out(request: Request, *, dry_run: bool, as_json: bool, quiet: bool) -> None:
    from clbench.engine import session
    from clbench.plugins.registry import registry

    configs = session.prepare(request, registry())
    if dry_run:
        _print_estimates(configs, as_json=as_json)
        return
    try:
        _run(request, configs, as_json=as_json, quiet=quiet)
    except KeyboardInterrupt as error:  # typer would drop the sentence
        raise StoppedError(f"interrupted: {error}" if str(error) else "interrupted") from None


def _run(request: Request, configs: list[RunConfig], *, as_json: bool, quiet: bool) -> None:
    from clbench.base.progress import make_progress
    from clbench.cli import output, results
    from clbench.engine import session
    from clbench.plugins.registry import registry

    if not session.is_first_process():
        for _ in session.run_all(request, configs, registry(), make_progress(quiet=True)):
            pass
        return
    if not as_json:
        results.print_headline(configs[0])
    outcomes = []
    for outcome in session.run_all(request, configs, registry(), make_progress(quiet=quiet)):
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
