"""What `--probe` asks for: names, groups, files and other libraries' probes, beside the stream's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.base.errors import OptionError
from clbench.plugins.probes import planned
from clbench.spec.schedule import Schedule
from clbench.spec.stream import PlannedProbe, StreamPlan

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
    names = [name for name in asked.names if name != "none"]
    given = planned(names, registry, limit=asked.limit, schedule=asked.schedule)
    probes = {one.task.name: one for one in (*own, *given)}
    for task in plan.tasks:
        if task.name in probes:
            raise OptionError(f"--probe {task.name}: is a task of the stream itself, and scored in any case")
    return tuple(probes.values())
