"""A study from its files: the plan, the questions, the boards that its streams have."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from clbench.boards.style import default_style
from clbench.plugins.registry import Registry
from clbench.report.study.evidence import Evidence, gather
from clbench.report.study.files import Study
from clbench.report.study.questions import Questions, default_questions, read_questions
from clbench.spec.plan import PlanFile, read_plan


def read_study(
    path: Path, said: Mapping[str, Path | None], *, registry: Registry, leaderboards: Path, boards: Sequence[str] = ()
) -> Study:
    """What a plan's records say to a person's questions.

    Args:
        path: of the plan.
        said: options of `clbench plan report` that are files, by name; `questions` among them.
        registry: with methods and summaries.
        leaderboards: folder of boards.
        boards: names of those to take, where a stream has several.

    Raises:
        ClbenchError: a file says what it must not, or there is no record.
    """
    plan = read_plan(path)
    found = gather(leaderboards, plan, summaries=registry.summary_specs(), boards=boards)
    options = [word for name, file in said.items() if file is not None for word in (f"--{name}", file.as_posix())]
    command = shlex.join(["clbench", "plan", "report", path.as_posix(), *options])
    return Study.of(plan, _questions(plan, said["questions"], registry, found), found, command=command)


def _questions(plan: PlanFile, path: Path | None, registry: Registry, found: Sequence[Evidence]) -> Questions:
    """A person's; methods of records are known without their package."""
    if path is None:
        return default_questions(plan.plan, baseline=default_style().baseline)
    ran = {part for one in found for run in one.runs for part in (*run.method.name.split("+"), one.name(run))}
    metrics = [one.name for one in registry.summary_specs()]
    return read_questions(path, methods=sorted({*registry.methods.entries, *ran}), metrics=metrics)
