"""Plans on the command line: from what was given to runs, and what is said while and after they are carried out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import OptionError
from clbench.cli.shared import output, results
from clbench.engine.carrying import Outcome
from clbench.engine.request import Request
from clbench.plans import jobs as planning
from clbench.plans.choosing import Choice
from clbench.plans.failing import Failure, raise_failures
from clbench.plans.grid import dotted
from clbench.plans.jobs import Arm
from clbench.plans.plan import Plan, members_of, of_file, of_request, over
from clbench.spec.plan import PlanFile, read_plan
from clbench.spec.wording import assignments

if TYPE_CHECKING:
    from clbench.plans.estimating import Expected, Total
    from clbench.plugins.registry import Registry


def plan_given(path: Path | None, given: Mapping[str, Any]) -> Plan:
    """The plan of a file, or the one that the options are."""
    return of_request(Request.of(**given)) if path is None else of_file(read_plan(path), given)


def arms_given(plan: Plan, registry: Registry, *, shard: str | None) -> list[Arm]:
    """The runs of a plan, or of one part of several.

    Raises:
        ClbenchError: anything that is wrong with it.
    """
    arms = planning.arms_of(plan, registry)
    if shard is None:
        return arms
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    number, of = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= of:
        raise OptionError(f"--shard {shard}: must be I/N with I from 1 to N, such as 1/4")
    found = planning.shard(arms, number=number, of=of)
    if not found:
        raise OptionError(f"--shard {shard}: the plan has fewer parts than {of}")
    return found


@dataclass
class Shown:
    """What is said of a plan's runs, as they end.

    Args:
        plan: the plan.
        arms: its runs.
        silent: whether all is kept for one JSON document.
    """

    plan: Plan
    arms: Sequence[Arm]
    silent: bool
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)

    def begin(self) -> None:
        """What is common."""
        if not self.silent:
            print_common(self.arms)

    def take(self, one: Outcome | Failure | Choice) -> None:
        """Say how a run ended."""
        found: list[Any] = {Outcome: self.outcomes, Failure: self.failures, Choice: self.choices}[type(one)]
        found.append(one)
        if self.silent:
            return
        if isinstance(one, Choice):
            print_choice(one)
        elif isinstance(one, Outcome):
            self._print(one)

    def _print(self, outcome: Outcome) -> None:
        """R of a command's run; a line of a plan's, which has many."""
        if not self.plan.name:
            results.print_outcome(outcome, leaderboards_dir=self.plan.request.leaderboards_dir)
            return
        op = results.metrics_of(outcome.record.matrix())[0].get("op")
        shown = f"op {op:+.4f}" if op is not None else "op –"
        before = " (found finished)" if outcome.repeated else ""
        output.console().print(f"{outcome.record.run}: {shown}{before}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """The boards, and what failed.

        Raises:
            RunError: something did.
        """
        folder = self.plan.request.leaderboards_dir
        for board in dict.fromkeys(outcome.record.board.name for outcome in self.outcomes):
            if not self.silent:
                results.print_board(board, leaderboards_dir=folder)
        if self.plan.name and not self.silent and all(one.repeated for one in self.outcomes) and not self.failures:
            output.console().print(
                f"plan {self.plan.name}: all {len(self.outcomes)} runs are finished; nothing was done"
            )
        raise_failures(self.failures, of=len(self.outcomes) + len(self.failures))

    def json(self) -> dict[str, Any]:
        """All of it."""
        folder = self.plan.request.leaderboards_dir
        return {
            "runs": [results.outcome_json(one, folder) for one in self.outcomes],
            "choices": [asdict(one) for one in self.choices],
            "failures": [{"name": one.name, "error": str(one.error)} for one in self.failures],
        }


def print_common(arms: Sequence[Arm]) -> None:
    """A line for each of the conditions under which something is run, and how files were read."""
    configs = [job.config for arm in arms for job in (*arm.trial_jobs()[:1], *arm.jobs[:1])]
    lines = [line for config in configs for line in (results.headline(config), *config.data_notes())]
    screen = output.console()
    for line in dict.fromkeys(lines):
        screen.print(line, markup=False, soft_wrap=True)


def print_choice(choice: Choice) -> None:
    """The trials of a method, and the chosen one."""
    names = list(choice.trials[0].values)
    rows = [
        {
            "trial": _point(one.point),
            **{name: "–" if (value := one.values[name]) is None else f"{value:+.4f}" for name in names},
            "": "chosen" if one.point == choice.point else "",
        }
        for one in choice.trials
    ]
    title = f"search of {choice.method} on {choice.stream}, validation records"
    output.print_table(rows, headings=["trial", *names, ""], title=title)
    for key, side in choice.edges.items():
        told = f"{key}={dotted(choice.point)[key]} is the {side} that was tried: a better one may lie beyond"
        output.console().print(told, markup=False, soft_wrap=True)


def _point(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.items())


def print_dry_run(plan: Plan, arms: Sequence[Arm], *, as_json: bool) -> None:
    """What would run: what is common, each run, all together."""
    from clbench.plans.estimating import expect

    found, total = expect(arms)
    if as_json:
        output.print_json({"plan": [_estimate_json(one) for one in found], "total": asdict(total)})
        return
    print_common(arms)
    screen = output.console()
    for one in found:
        screen.print(_estimate_text(one, whole=not plan.name), markup=False, soft_wrap=True)
    for line in _total_text(total):
        screen.print(line, markup=False, soft_wrap=True)


def _estimate_json(one: Expected) -> dict[str, Any]:
    said = {"run": one.job.run_id, "board": one.job.config.board().name, **asdict(one.estimate)}
    return {**said, "added_tokens": one.added_tokens, "seconds": one.seconds, "finished": one.finished}


def _estimate_text(one: Expected, *, whole: bool) -> str:
    if whole:
        return results.plan_text(_estimate_json(one))
    added = f" + {one.added_tokens:,} of the method" if one.added_tokens else ""
    end = "finished" if one.finished else "time not known" if one.seconds is None else duration(one.seconds)
    point = "; ".join(assignments(one.job.config.options))
    parts = [f"{one.estimate.steps:,} steps, {one.estimate.train_tokens:,} tokens{added}", end]
    return f"{one.job.run_id}: {', '.join(parts)}{f'  [{point}]' if point else ''}"


def _total_text(total: Total) -> list[str]:
    later = f", {total.after_choice} of them after a choice" if total.after_choice else ""
    lines = [f"{total.runs} runs{later}; {total.finished} finished"]
    if total.steps:
        lines.append(f"left, before a choice: {total.steps:,} optimizer steps over {total.train_tokens:,} tokens")
    unknown = f", and {total.untimed} runs whose time is not known" if total.untimed else ""
    if total.seconds:
        lines.append(f"time, one by one, as measured here: {duration(total.seconds)}{unknown}")
    return lines


def tuned(file: PlanFile, choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """The methods of a plan with what was chosen for them."""
    points = {choice.method: choice.point for choice in choices}
    found = []
    for methods in file.methods:
        options = dotted(over(file.run, methods.run).get("options", {}))
        for name in methods.plugin:
            own = {key: one for key, one in options.items() if key.partition(".")[0] in members_of(name)}
            own |= points.get("+".join(members_of(name)), {})
            found.append({"plugin": name, **({"options": own} if own else {})})
    return found


def plain(value: Any) -> Any:
    """An option's value as a plan file has it."""
    return dotted(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value


def duration(seconds: float) -> str:
    """`1:02:03`, or `4.5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
