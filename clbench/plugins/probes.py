"""What names of probes mean: a probe, a group, a file of YAML or records, or another library's (`lm-eval:mmlu`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clbench.base import home
from clbench.base.errors import OptionError
from clbench.plugins.own import own_task
from clbench.plugins.registry import Registry
from clbench.spec.schedule import Schedule
from clbench.spec.stream import PlannedProbe
from clbench.spec.task import Scorers, Task


def planned(
    names: Sequence[str], registry: Registry, *, limit: int | None = None, schedule: Schedule = "before-after"
) -> Iterator[PlannedProbe]:
    """The probes that a user asks for, in their order; a name may stand for several.

    Args:
        names: as the user wrote them.
        registry: with all task files and plugins.
        limit: records of each at most; a group may have a limit of its own.
        schedule: in which rows of R.

    Raises:
        ClbenchError: an unknown name, or a library whose plugin is not installed.
    """
    for name in names:
        if ":" in name and not home.is_file(name):
            yield _external(name, registry, limit=limit, schedule=schedule)
            continue
        if home.is_file(name) and not name.endswith((".yaml", ".yml")):
            path = Path(name)
            yield PlannedProbe(own_task(path), limit, schedule, given=True, base_dir=path.resolve().parent)
            continue
        catalog = registry.catalog()
        cap = limit or (catalog.group(name).examples if name in catalog.group_paths else None)
        for task, base_dir in catalog.probes(name):
            yield PlannedProbe(task, cap, schedule, given=True, base_dir=base_dir)


def _external(name: str, registry: Registry, *, limit: int | None, schedule: Schedule) -> PlannedProbe:
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
    return PlannedProbe(task, limit, schedule, given=True, external=found)
