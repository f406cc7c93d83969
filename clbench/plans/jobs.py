"""The runs of a plan, resolved: a part's data and model are read once, and every trial and choice made of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from clbench.engine.request import Request
from clbench.engine.session import prepare
from clbench.plans.grid import Point
from clbench.plans.plan import Part, Plan, members_of, search_request, single
from clbench.plugins.registry import Registry
from clbench.runs.runconfig import RunConfig
from clbench.spec.plan import Search

if TYPE_CHECKING:
    from clbench.runs.rundir import RunDir


@dataclass(frozen=True)
class Job:
    """One run of a plan.

    Args:
        config: of it.
        request: that asks for it, perhaps among others.
        by_record: whether its record on a board is enough, as for what a plan's file lists.
    """

    config: RunConfig
    request: Request
    by_record: bool = False

    @cached_property
    def run_id(self) -> str:
        """What it is called."""
        return self.config.run_id(self.config.choice.create(self.config.options))

    @cached_property
    def run_dir(self) -> RunDir:
        """Where it is; writable in the first process only."""
        from clbench.engine.carrying import run_dir_of

        return run_dir_of(self.request, self.config, self.run_id, by_record=self.by_record)

    def at(self, request: Request) -> Job:
        """The same with the options of another request.

        Raises:
            OptionError: the method has no such options.
        """
        config = dataclasses.replace(self.config, options=request.options, command=request.command())
        config.choice.create(config.options)
        return dataclasses.replace(self, config=config, request=request)


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of a method's grid, and its runs, one a seed."""

    point: Point
    jobs: list[Job]


@dataclass(frozen=True, slots=True)
class Arm:
    """A method of a plan.

    Args:
        method: its name.
        jobs: what is reported of it; where there are trials, before their choice.
        trials: of it, if anything is searched.
        search: how one of them is chosen.
        name: that it has in its plan, if another one.
    """

    method: str
    jobs: list[Job]
    trials: list[Trial] = field(default_factory=list)
    search: Search | None = None
    name: str | None = None

    def trial_jobs(self) -> list[Job]:
        """Of all trials."""
        return [job for trial in self.trials for job in trial.jobs]

    def chosen(self, point: Point) -> list[Job]:
        """What is reported, with a point of the grid."""
        return [job.at(single(job.request, method=self.method, point=point)) for job in self.jobs]


def arms_of(plan: Plan, registry: Registry) -> list[Arm]:
    """Every run of a plan: part by part, method by method.

    Raises:
        ClbenchError: anything that is wrong with it.
    """
    return [arm for part in plan.parts for arm in _arms(part, plan, registry)]


def _arms(part: Part, plan: Plan, registry: Registry) -> Iterator[Arm]:
    listed = bool(plan.name)
    searched = _by_method(search_request(part, plan.search), registry, listed) if plan.search and part.trials else {}
    reported = _by_method(part.request, registry, listed)
    points = {"+".join(members_of(name)): found for name, found in part.trials.items()}
    for method, jobs in reported.items():
        trials = [
            Trial(point, [job.at(single(job.request, method=method, point=point)) for job in searched[method]])
            for point in points.get(method, ())
        ]
        if plan.reported or trials:
            yield Arm(method, jobs if plan.reported else [], trials, plan.search if trials else None, part.name)


def _by_method(request: Request, registry: Registry, listed: bool) -> dict[str, list[Job]]:
    return by_method(request, prepare(request, registry), by_record=listed)


def by_method(request: Request, configs: Sequence[RunConfig], *, by_record: bool = False) -> dict[str, list[Job]]:
    """A request's runs by the name of their method."""
    found: dict[str, list[Job]] = {}
    for config in configs:
        found.setdefault(config.choice.name, []).append(Job(config, request, by_record))
    return found


def arms_of_configs(request: Request, configs: Sequence[RunConfig]) -> list[Arm]:
    """The arms of runs that are prepared already."""
    return [Arm(method, jobs) for method, jobs in by_method(request, configs).items()]


def jobs_of(arms: Sequence[Arm]) -> list[Job]:
    """All runs that are known before anything is chosen: trials, and what needs none."""
    trials = [job for arm in arms for job in arm.trial_jobs()]
    return [*trials, *(job for arm in arms if not arm.trials for job in arm.jobs)]


def shard(arms: Sequence[Arm], *, number: int, of: int) -> list[Arm]:
    """A part of a plan for one of several processes that see no lock of each other.

    A method that is searched stays whole, as its choice needs its trials; of the others each run is dealt out.

    Args:
        arms: of the whole plan.
        number: 1 … of.
        of: how many processes.
    """
    dealt, count = [], 0
    for arm in arms:
        units: list[list[Job]] = [arm.jobs] if arm.trials else [[job] for job in arm.jobs]
        mine = [jobs for place, jobs in enumerate(units, count) if place % of == number - 1]
        count += len(units)
        if mine:
            dealt.append(dataclasses.replace(arm, jobs=[job for jobs in mine for job in jobs]))
    return dealt
