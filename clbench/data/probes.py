"""The records of probes: what is scored and never trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import DataError
from clbench.base.hashing import digest, digest_each
from clbench.data.example import Example
from clbench.data.files import find
from clbench.data.formed import load_formed, spread
from clbench.data.records import Reading, read_examples
from clbench.data.sources import TaskData
from clbench.spec.stream import PlannedProbe, StreamPlan
from clbench.spec.task import Files, Hub, Task

if TYPE_CHECKING:
    from clbench.spec.external import ExternalProbe

World = Callable[[str, int], list[dict[str, str]]]
"""Kind and size to the records of an invented world's probe; `clbench.tiny.world.probe_records`."""
WORLD_SIZE = 200  # records of an invented world's probe when a stream does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeData(TaskData):
    """A probe's records.

    Args:
        source: where they come from: `world`, `files`, `hub`, `external`.
        plan: how much of it is asked, and when.
        external: who asks instead of clbench.
    """

    source: str
    plan: PlannedProbe
    external: ExternalProbe | None = None

    @property
    def identity(self) -> str:
        """Hash of what is asked and how it is scored."""
        external = self.external.identity if self.external else None
        return digest([self.task.identity(), self.hash, external, self.plan.examples if external else None])


def is_foreign(data: TaskData) -> bool:
    """Whether it is a probe of something other than the bundled model's world.

    Such a probe is part of a board's identity, and the model's window bounds it instead of the protocol's lengths.
    """
    return isinstance(data, ProbeData) and data.source != "world"


def load_probe_data(plan: StreamPlan, *, world: World, data_dir: Path | None = None) -> list[ProbeData]:
    """The records of the plan's probes, as test records.

    Args:
        plan: names the probes.
        world: makes the probes of the bundled model's world.
        data_dir: folder of local files; a probe without a file there is read from the Hub.

    Raises:
        DataError: no such source, or it cannot be read.
    """
    return [load_probe(probe, world=world, data_dir=data_dir) for probe in plan.probes]


def load_probe(probe: PlannedProbe, *, world: World, data_dir: Path | None = None) -> ProbeData:
    """The records of one probe; see `load_probe_data`."""
    task = probe.task
    if probe.external is not None:
        return ProbeData(task, (), (), "", source="external", plan=probe, external=probe.external)
    notes: list[str] = []
    source, test = _read(probe, world=world, data_dir=data_dir, notes=notes)
    content = ([*one.content(), *one.choices, *([one.ending] if one.ending else [])] for one in test)
    return ProbeData(task, (), tuple(test), digest_each(content), tuple(notes), source=source, plan=probe)


def _read(probe: PlannedProbe, *, world: World, data_dir: Path | None, notes: list[str]) -> tuple[str, list[Example]]:
    task = probe.task
    if "world" in task.data:
        records = world(str(task.data["world"]), probe.examples or WORLD_SIZE)
        return "world", [Example(task.name, prompt=record["prompt"], answer=record["answer"]) for record in records]
    files, hub, base = task.data.get("files"), task.data.get("hub"), probe.base_dir or data_dir
    if isinstance(files, Files) and base is not None:
        path = find(base / files.test)
        if path.exists() or not isinstance(hub, Hub):
            return "files", spread(_local(task, files, path, base_dir=base, notes=notes), probe.examples)
    if isinstance(hub, Hub):
        return "hub", spread(load_formed(task, hub, split="test", base_dir=Path()), probe.examples)
    raise DataError(f"probe {task.name!r}: reads local files only; say where they are: --data FOLDER")


def _local(task: Task, files: Files, path: Path, *, base_dir: Path, notes: list[str]) -> list[Example]:
    if task.forms:
        return load_formed(task, files, split="test", base_dir=base_dir)
    reading = Reading()
    found = read_examples(path, task=task.name, split="test", reading=reading)
    notes += reading.notes(f"{task.name}, {path.name}")
    return found
