"""`clbench run`: train methods on a stream, score after each task, add rows to a board; or carry a plan out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.errors import StoppedError
from clbench.cli.shared import options

if TYPE_CHECKING:
    from clbench.cli.shared.planned import Shown
    from clbench.plans.jobs import Arm
    from clbench.plans.plan import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.engine.request import Request

    app.command("run")(options.with_fields(Request, run))


def run(
    *,
    given: dict[str, Any],
    plan: Annotated[
        Path | None, typer.Argument(help="Plan file (docs/plans.md); options given here win over it.")
    ] = None,
    shard: Annotated[str | None, typer.Option(help="I/N: the I-th of N parts, where processes share no locks.")] = None,
    launcher: Annotated[
        str | None, typer.Option(help="local:N, ray or slurm: other processes that carry runs out (docs/plans.md).")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train methods on a stream of tasks, score after each task, add rows to a board.

    Example: clbench run --stream trace:mini --plugin sequential --plugin mofo --seeds 2
    """
    from clbench.cli.shared import planned
    from clbench.plugins.registry import registry

    found = planned.plan_given(plan, given)
    arms = planned.arms_given(found, registry(), shard=shard)
    if dry_run:
        planned.print_dry_run(found, arms, as_json=json)
        return
    try:
        carry_out(found, arms, fail_fast=fail_fast, as_json=json, launcher=launcher)
    except KeyboardInterrupt as error:  # typer would drop the sentence
        raise StoppedError(f"interrupted: {error}" if str(error) else "interrupted") from None


def carry_out(plan: Plan, arms: list[Arm], *, fail_fast: bool, as_json: bool, launcher: str | None = None) -> Shown:
    """Run what is left of a plan, and show it."""
    from clbench.base.progress import make_progress
    from clbench.cli import watch
    from clbench.cli.shared import output
    from clbench.cli.shared.planned import Shown
    from clbench.engine.carrying import is_first_process
    from clbench.plans.jobs import jobs_of
    from clbench.plans.task import make_launcher
    from clbench.plans.working import How, Worker
    from clbench.plugins.registry import registry
    from clbench.verification.afresh import check_afresh

    first = is_first_process()
    progress = make_progress(quiet=plan.request.quiet or not first)
    shown = Shown(plan, arms, silent=as_json or not first)
    shown.begin()
    how = How(check_afresh, fail_fast, make_launcher(launcher) if launcher else None)
    shows = launcher and not plan.request.quiet
    with watch.beside([job.run_dir for job in jobs_of(arms)]) if shows else contextlib.nullcontext():
        for one in Worker(registry(), progress, how).work(arms):
            shown.take(one)
    if as_json and first:
        output.print_json(shown.json())
    shown.close()
    return shown
