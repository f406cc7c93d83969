"""`clbench plan`: look at a plan of runs, and write down what came out of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from clbench.base.errors import OptionError
from clbench.cli.shared import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.engine.request import Request

    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("show")(options.with_fields(Request, show))
    group.command("report")(report)
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


def report(
    plan: Annotated[Path, typer.Argument(help="Plan file.")],
    questions: Annotated[
        Path | None, typer.Option(help="YAML of what is asked [default: what is better than sequential].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Markdown file; pictures go beside it [default: print, without pictures].")
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(help="With --out: README that gets picture and first rows between its marks.")
    ] = None,
    board: Annotated[list[str] | None, typer.Option(help="Board to take where a stream has several; repeat.")] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
) -> None:
    """Write what a plan's records say: methods, orderings with verdicts, what explains forgetting.

    Example: clbench plan report plans/science.yaml --out science.md
    """
    from clbench.base import atomic, home
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry
    from clbench.report.study import read_study

    if readme is not None and out is None:
        raise OptionError("--readme: needs --out, the page that it links to")
    said = {"questions": questions, "out": out, "readme": readme}
    leaderboards = leaderboards_dir or home.leaderboards_dir()
    study = read_study(plan, said, registry=registry(), leaderboards=leaderboards, boards=board or ())
    if out is None:
        typer.echo(study.text(), nl=False)
        return
    for path, text in study.files(out, readme=readme).items():
        atomic.write_text(path, text)
        output.console().print(str(path), markup=False, soft_wrap=True)
