"""`clbench plan`: look at a plan of runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from clbench.cli.shared import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.engine.request import Request

    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("show")(options.with_fields(Request, show))
    group.callback()(lambda: None)  # so that one command is still a group
    app.add_typer(group, name="plan", help="Look at a plan of runs.")


def show(
    *,
    given: dict[str, Any],
    plan: Annotated[Path, typer.Argument(help="Plan file; options given here win over it, as in clbench run.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Which runs of a plan are done, running, failed or left.

    Example: clbench plan show plans/science.yaml
    """
    from clbench.cli.shared import output, planned
    from clbench.plans.standing import STATES, standing
    from clbench.plugins.registry import registry

    found = planned.plan_given(plan, given)
    arms = planned.arms_given(found, registry(), shard=None)
    rows = standing(arms)
    later = sum(len(arm.jobs) for arm in arms if arm.trials)
    counts = Counter(one.state for one in rows)
    if json:
        runs = [{"run": one.job.run_id, "state": one.state, "reason": one.reason} for one in rows]
        output.print_json({"plan": found.name, "counts": dict(counts), "after_choice": later, "runs": runs})
        return
    screen = output.console()
    for one in rows:
        reason = f"  {one.reason}" if one.reason else ""
        screen.print(f"{one.state:<8} {one.job.run_id}{reason}", markup=False, soft_wrap=True)
    after = f"; {later} more after a choice" if later else ""
    said = ", ".join(f"{counts[state]} {state}" for state in STATES)
    screen.print(f"plan {found.name}: {said}{after}", markup=False, soft_wrap=True)
