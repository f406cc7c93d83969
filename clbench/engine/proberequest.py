"""What `--probe` asks for: names, groups, files and other libraries' probes, beside the stream's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.base import home
from clbench.base.errors import OptionError
from clbench.spec.schedule import Schedule
from clbench.spec.stream import PlannedProbe, StreamPlan
from clbench.spec.task import Scorers, Task

if TYPE_CHECKING:
    from clbench.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What is to be asked beside the stream's tasks.

    Args:
        names: of probes, groups, files, or of another library's (`lm-eval:mmlu`); `none` leaves the stream's own out.
        limit: records of each at most.
        schedule: in which rows of R.
    """

    names: tuple[str, ...] = ()
    limit: int | None = None
    schedule: Schedule = "before-after"


def with_asked(plan: StreamPlan, asked: ProbeRequest, registry: Registry) -> tuple[PlannedProbe, ...]:
    """A plan's own probes and those that were asked for, which win.

    Raises:
        ClbenchError: an unknown name, a library whose plugin is not installed, or a task of the stream.
    """
    own = () if "none" in asked.names else plan.probes
    probes = {one.task.name: one for one in (*own, *_asked(asked, registry))}
    for task in plan.tasks:
        if task.name in probes:
            raise OptionError(f"--probe {task.name}: is a task of the stream itself, and scored in any case")
    return tuple(probes.values())


def _asked(asked: ProbeRequest, registry: Registry) -> Iterator[PlannedProbe]:
    for name in asked.names:
        if name == "none":
            continue
        if ":" in name and not home.is_file(name):
            yield _external(name, asked, registry)
            continue
        for task, base_dir in registry.catalog().probes(name):
            yield PlannedProbe(task, asked.limit, asked.schedule, given=True, base_dir=base_dir)


def _external(name: str, asked: ProbeRequest, registry: Registry) -> PlannedProbe:
    found = registry.plugins.manager.hook.clbench_load_probe(name=name)
    if found is None:
        library = name.partition(":")[0]
        raise OptionError(
            f"--probe {name}: no plugin asks the probes of {library!r}; `clbench plugins` lists those there are"
            + ("; pip install clbench-lm-eval" if library == "lm-eval" else "")
        )
    task = Task(
        task=found.name,
        summary=found.summary,
        data={"external": found.name},
        measure="external",
        scorers=Scorers(strict="stated"),
    )
    return PlannedProbe(task, asked.limit, asked.schedule, given=True, external=found)
