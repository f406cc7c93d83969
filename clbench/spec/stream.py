"""A stream: which tasks are learned in which order, under which protocol, on which variant of the data.

A stream file says what there is; `resolve` turns it and the user's choices into a `StreamPlan`, which says what runs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from clbench.base.errors import FileError, OptionError, did_you_mean, pydantic_line, unknown_name
from clbench.base.hashing import digest
from clbench.spec.protocol import Protocol
from clbench.spec.schedule import Schedule, Split
from clbench.spec.task import Frozen, Name, Task

if TYPE_CHECKING:
    from clbench.spec.external import ExternalProbe


class Variant(Frozen):
    """One version of a stream's data, and the protocol that goes with it.

    Args:
        source: where records come from: `mini` (generated), `trace` (the official archive), `files`.
        folder: which folder of the archive.
        train_examples: how many training records of each task, from the first; all when left out.
        test_examples: likewise for the test split.
        probes: tasks that are scored in every row and never trained on: what the base model must not lose.
        probe_examples: how many records of each probe.
        shuffle: seed by which training records are shuffled before they are cut; left out, they stay as they stand.
        protocol: changes to the stream's protocol.
        summary: one line for people.
    """

    source: str
    folder: str = ""
    train_examples: int | None = Field(default=None, ge=1)
    test_examples: int | None = Field(default=None, ge=1)
    probes: tuple[Name, ...] = ()
    probe_examples: int | None = Field(default=None, ge=1)
    shuffle: int | None = Field(default=None, ge=0)
    protocol: dict[str, Any] = {}
    summary: str = ""


class Stream(Frozen):
    """What a stream file says.

    Args:
        stream: its name.
        version: raised whenever results could change.
        summary: one line for people.
        tasks: names in the default order; or, in a user's file, name to an inline task (null for a known one).
        orders: further named orders of the same tasks.
        groups: type of task to its tasks, for methods that treat types differently (LoRAMoE's groups of experts).
        protocol: how it is trained and evaluated.
        variants: versions of the data; a stream without any reads the files that its tasks name.
        prefer: variants to take, the first that is installed, when none is asked for.
        source: paper.
    """

    stream: Name
    version: int = Field(default=1, ge=1)
    summary: str = ""
    tasks: tuple[Name, ...] | dict[Name, dict[str, Any] | None]
    orders: dict[str, tuple[Name, ...]] = {}
    groups: dict[str, tuple[Name, ...]] = {}
    protocol: Protocol = Protocol()
    variants: dict[str, Variant] = {"files": Variant(source="files")}
    prefer: tuple[str, ...] = ()
    source: str = ""

    @field_validator("variants", mode="before")
    @classmethod
    def _names_are_text(cls, value: object) -> object:
        """YAML reads the key of `500: …` as a number."""
        return {str(key): one for key, one in value.items()} if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _is_consistent(self) -> Stream:
        if not self.tasks:
            raise ValueError("tasks: a stream has at least one task")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: a task stands twice; a stream learns each task once")
        for name, order in self.orders.items():
            if sorted(order) != sorted(self.tasks):
                raise ValueError(f"orders.{name}: must hold each of the stream's tasks exactly once")
        grouped = [task for group in self.groups.values() for task in group]
        if grouped and sorted(grouped) != sorted(self.tasks):
            raise ValueError("groups: must hold each of the stream's tasks exactly once")
        for name in self.prefer:
            if name not in self.variants:
                raise ValueError(f"prefer: no variant {name!r}{did_you_mean(name, self.variants)}")
        for name, variant in self.variants.items():
            try:
                self.protocol_of(variant)
            except OptionError as error:
                raise ValueError(f"variants.{name}.{error}") from error
        return self

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.stream

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks in the default order."""
        return tuple(self.tasks)

    def protocol_of(self, variant: Variant, **changes: Any) -> Protocol:
        """The protocol under a variant, with the user's changes.

        Raises:
            OptionError: a key or value that a protocol does not have.
        """
        values = self.protocol.model_dump() | variant.protocol | changes
        try:
            return Protocol.model_validate(values)
        except ValidationError as error:
            unknown = [str(item["loc"][0]) for item in error.errors() if item["type"] == "extra_forbidden"]
            hint = did_you_mean(unknown[0], Protocol.model_fields) if unknown else ""
            raise OptionError(f"protocol.{pydantic_line(error)}{hint}") from error

    def order_of(self, text: str | None) -> tuple[str, tuple[str, ...]]:
        """The order that the user means: a named one, `random-K`, or names with commas between.

        Returns:
            label: what the order is called in records; the default one `order1`, where it has no name of its own.
            tasks: a permutation of the stream's tasks.
        """
        if text in self.orders:
            return text, self.orders[text]
        if text is None or text == "order1":
            named = (name for name, tasks in self.orders.items() if tasks == self.task_names)
            return next(named, "order1"), self.task_names
        if text.startswith("random-") and text[7:].isdecimal():
            return text, self.random_order(int(text[7:]))
        if "," not in text:
            first, _ = self.order_of(None)
            raise unknown_name("order", text, [*{first: 0, **self.orders}, "random-1", "a,list,of,tasks"])
        return self._listed_order([part.strip() for part in text.split(",")])

    def random_order(self, number: int) -> tuple[str, ...]:
        """Permutation `number` of the tasks: the same on every machine, drawn from a stream of its own."""
        rng = random.Random(f"clbench order {self.name} {number}")
        return tuple(rng.sample(self.task_names, len(self.task_names)))

    def _listed_order(self, parts: list[str]) -> tuple[str, tuple[str, ...]]:
        by_short = {name.rpartition("/")[2]: name for name in self.task_names}
        names = tuple(by_short.get(part, part) for part in parts)
        for name in names:
            if name not in self.tasks:
                raise unknown_name("task", name, by_short)
        if sorted(names) != sorted(self.task_names):
            raise OptionError(f"--order must name each of the {len(self.task_names)} tasks exactly once")
        return "order-" + digest(names)[:6], names


@dataclass(frozen=True, slots=True)
class PlannedProbe:
    """A probe as it will be asked.

    Args:
        task: what is asked.
        examples: how many records at most; all when None.
        schedule: in `every` row of R that is measured, or only `before-after` the stream; one that the user asked for
            is asked of the base model in any case.
        given: whether the user asked for it; else it belongs to the stream.
        base_dir: folder of its files, when it is not the one given by `--data`.
        external: who asks instead of clbench.
    """

    task: Task
    examples: int | None = None
    schedule: Schedule = "every"
    given: bool = False
    base_dir: Path | None = None
    external: ExternalProbe | None = None

    def due(self, row: int, *, num_tasks: int, measured: bool) -> bool:
        """Whether it is asked in a row of R.

        Args:
            row: 0 … T.
            num_tasks: T.
            measured: whether anything else is measured in that row.
        """
        if self.schedule == "every":
            return measured or (self.given and row == 0)
        return row in (0, num_tasks)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream as it will run.

    Args:
        name: the stream's.
        version: the stream file's.
        variant: which version of the data.
        source: where records come from.
        folder: which folder of the archive; empty for other sources.
        base_dir: what a user's own file paths are relative to.
        order: the order's name.
        tasks: in the order they are learned.
        train_examples: cap per task, None = all.
        test_examples: cap per task, None = all.
        protocol: how.
        probes: scored and never trained on.
        left_out: the stream's own probes that the user did not want.
        shuffle: seed of the training records' order, None = as they stand.
        changes: what differs from the variant's own settings, `protocol.epochs` to its value.
        groups: task name to its type.
        split: which records are scored.
    """

    name: str
    version: int
    variant: str
    source: str
    folder: str
    base_dir: Path
    order: str
    tasks: tuple[Task, ...]
    train_examples: int | None
    test_examples: int | None
    protocol: Protocol
    probes: tuple[PlannedProbe, ...] = ()
    left_out: tuple[str, ...] = ()
    shuffle: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    split: Split = "test"

    @property
    def label(self) -> str:
        """`trace:mini`."""
        return self.name if self.variant == "files" else f"{self.name}:{self.variant}"

    def epochs(self) -> tuple[int, ...]:
        """Passes over each task, in order."""
        return tuple(self.protocol.epochs_of(task) for task in self.tasks)

    def identity(self) -> dict[str, Any]:
        """What makes two runs comparable, but for the data's own hash: everything but the order."""
        return {
            "stream": self.name,
            "version": self.version,
            "variant": self.variant,
            "train_examples": self.train_examples,
            "test_examples": self.test_examples,
            "tasks": {task.name: task.identity() for task in sorted(self.tasks, key=lambda task: task.name)},
            "protocol": self.protocol.identity(),
        }


STREAM_KEYS = ("train_examples", "test_examples", "probe_examples", "shuffle")


def resolve(
    stream: Stream,
    *,
    tasks: Mapping[str, Task],
    base_dir: Path,
    variant: str,
    order: str | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    split: Split = "test",
) -> StreamPlan:
    """Turn a stream and the user's choices into what runs.

    Args:
        stream: the stream file.
        tasks: the stream's tasks by name.
        base_dir: the stream file's folder.
        variant: name of one of its variants.
        order: see `Stream.order_of`.
        changes: `{"stream": {...}, "protocol": {...}}` from `--set`.
        split: which records are scored.

    Raises:
        ClbenchError: a variant, order or key that does not exist, or a value out of range.
    """
    if variant not in stream.variants:
        raise unknown_name(f"variant of stream {stream.name}", variant, stream.variants)
    changes = changes or {}
    own = stream.variants[variant]
    chosen = _with_caps(own, changes.get("stream", {}))
    protocol = stream.protocol_of(chosen, **changes.get("protocol", {}))
    label, names = stream.order_of(order)
    plan = StreamPlan(
        name=stream.name,
        version=stream.version,
        variant=variant,
        source=chosen.source,
        folder=chosen.folder,
        base_dir=base_dir,
        order=label,
        tasks=tuple(tasks[name].in_variant(variant) for name in names),
        train_examples=chosen.train_examples,
        test_examples=chosen.test_examples,
        protocol=protocol,
        probes=tuple(PlannedProbe(tasks[name].in_variant(variant), chosen.probe_examples) for name in chosen.probes),
        shuffle=chosen.shuffle,
        changes=_differences("stream", own, chosen) | _differences("protocol", stream.protocol_of(own), protocol),
        groups={task: group for group, members in stream.groups.items() for task in members},
        split=split,
    )
    for task in plan.tasks:
        if chosen.source not in task.data:
            raise FileError(f"stream {stream.name}: task {task.name!r} has no data of source {chosen.source!r}")
    plan.epochs()
    return plan


def _differences(prefix: str, old: Frozen, new: Frozen) -> dict[str, Any]:
    before = old.model_dump(mode="json")
    return {f"{prefix}.{key}": value for key, value in new.model_dump(mode="json").items() if value != before[key]}


def _with_caps(variant: Variant, changes: Mapping[str, Any]) -> Variant:
    for key in changes:
        if key not in STREAM_KEYS:
            raise OptionError(f"--set stream.{key}: no such key{did_you_mean(key, STREAM_KEYS)}")
    try:
        return Variant.model_validate(variant.model_dump() | dict(changes))
    except ValidationError as error:
        raise OptionError(f"--set stream.{pydantic_line(error)}") from error
