"""`clbench run`: train methods on a stream, score after each task, add rows to a board."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.errors import StoppedError

if TYPE_CHECKING:
    from clbench.runconfig import RunConfig
    from clbench.session import Request


class ProbeSchedule(StrEnum):
    """In which rows of R a probe that the user asks for is scored."""

    before_after = "before-after"
    every = "every"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    stream: Annotated[str | None, typer.Option(help="Stream: a name, NAME:VARIANT, or a YAML file.")] = None,
    plugin: Annotated[
        list[str] | None, typer.Option(help="Method; A+B composes. Repeat to run several, one by one.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Settings of a published experiment (clbench ls presets); yours win.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="clbench/tiny, a folder with a saved model, or a Hub id.")
    ] = "clbench/tiny",
    revision: Annotated[str | None, typer.Option(help="Revision of a Hub model.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeat for several.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Run seeds 0 … N-1.")] = None,
    order: Annotated[str | None, typer.Option(help="Task order: order1, order2, random-K, or task,task,….")] = None,
    orders: Annotated[int | None, typer.Option(help="The default order and N-1 random ones.")] = None,
    option: Annotated[list[str] | None, typer.Option("-o", help="Method option, such as mofo.fraction=0.1.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting, such as protocol.epochs=1; makes another board.")
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="Score this too and never train on it: a name, a group, a YAML file, lm-eval:NAME; or none."),
    ] = None,
    probe_limit: Annotated[int | None, typer.Option(help="Records of each --probe, evenly spread.", min=1)] = None,
    probe_schedule: Annotated[
        ProbeSchedule, typer.Option(help="In which rows a --probe is asked.")
    ] = ProbeSchedule.before_after,
    data: Annotated[
        Path | None, typer.Option(help="Folder of local data files, for streams and probes.", envvar="CLBENCH_DATA")
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Let probes such as humaneval run what the model writes, in a sandbox.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what is already finished.")] = False,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories go [default: runs].")] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards go [default: leaderboards].")] = None,
    trust_remote_code: Annotated[bool, typer.Option("--trust-remote-code", help="Run code of a Hub model.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train methods on a stream of tasks, score after each task, add rows to a board."""
    from clbench import home, sandbox, session
    from clbench.cli import choices
    from clbench.registry import registry

    if allow_code:
        os.environ[sandbox.SWITCH] = "1"
    chosen = choices.choose(stream, plugin or [], preset, settings=set_ or [], options=option or [])
    loaded, variant = choices.find_stream(chosen.stream, registry(), local=data is not None)
    request = session.Request(
        stream=loaded,
        variant=variant,
        methods=chosen.plugins,
        model=model,
        seeds=tuple(choices.choose_seeds(seed or [], seeds)),
        orders=tuple(choices.choose_orders(order, orders)),
        options=chosen.options,
        settings=chosen.settings,
        runtime=choices.make_runtime(chosen.settings.get("runtime", {})),
        runs_dir=runs_dir or home.runs_dir(),
        leaderboards_dir=leaderboards_dir or home.leaderboards_dir(),
        fresh=fresh,
        revision=revision,
        trust_remote_code=trust_remote_code,
        probes=session.ProbeRequest(tuple(probe or ()), probe_limit, probe_schedule.value),
        data_dir=data,
    )
    configs = session.prepare(request, registry())
    if dry_run:
        _print_estimates(configs, as_json=json)
        return
    try:
        _run(request, configs, as_json=json, quiet=quiet)
    except KeyboardInterrupt as error:  # typer would drop the sentence
        raise StoppedError(f"interrupted: {error}" if str(error) else "interrupted") from None


def _run(request: Request, configs: list[RunConfig], *, as_json: bool, quiet: bool) -> None:
    from clbench import session
    from clbench.cli import output, results
    from clbench.progress import make_progress
    from clbench.registry import registry

    if not session.is_first_process():
        for _ in session.run_all(request, configs, registry(), make_progress(quiet=True)):
            pass
        return
    if not as_json:
        output.console().print(results.headline(configs[0]), markup=False)
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
    from clbench.estimate import estimate

    rows = []
    for config in configs:
        run = config.run_id(config.choice.create(config.options))
        rows.append({"run": run, "board": config.board().name, **asdict(estimate(config))})
    if as_json:
        output.print_json({"plan": rows})
        return
    output.console().print(results.headline(configs[0]), markup=False)
    for row in rows:
        output.console().print(results.plan_text(row), markup=False)
