"""What a record says that it was made from, found again on this machine: its stream, and the records of its tasks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.base.errors import ClbenchError, UnknownNameError
from clbench.data.sources import TaskData, load_stream_data
from clbench.plugins.registry import Registry
from clbench.runs.record import Record
from clbench.scoring.spec import ScorerSpec
from clbench.spec.stream import StreamPlan, resolve


class AbsentError(Exception):
    """What a check needs is not here."""


@dataclass
class Origins:
    """Of one record; each part is looked for when it is first asked for.

    Args:
        record: says what they are.
        registry: with streams.
        data_dir: folder of local data files.
        stream: file of a stream that is not installed.
    """

    record: Record
    registry: Registry
    data_dir: Path | None = None
    stream: Path | None = None

    def scorer(self, name: str) -> ScorerSpec:
        """A scorer by name.

        Raises:
            AbsentError: it is of a plugin that was not loaded.
        """
        try:
            return self.registry.scorer(name)
        except UnknownNameError as error:
            raise AbsentError(f"no scorer {name!r} without a plugin; --with-plugin NAME loads one") from error

    @cached_property
    def plan(self) -> StreamPlan:
        """The stream as the record's board says it ran, in the record's order.

        Raises:
            AbsentError: there is no such stream here, or another version of it.
        """
        board = self.record.board
        changes: dict[str, dict[str, Any]] = {}
        for key, value in board.changes.items():
            section, _, name = key.partition(".")
            changes.setdefault(section, {})[name] = value
        sizes = {"train_examples": board.train_examples, "test_examples": board.test_examples}
        try:
            loaded = self.registry.catalog().stream(str(self.stream) if self.stream else board.stream)
            plan = resolve(
                loaded.stream,
                tasks=loaded.tasks,
                base_dir=self.data_dir or loaded.base_dir,
                variant=board.variant,
                changes={**changes, "stream": {**changes.get("stream", {}), **sizes}},
                split=board.split,
            )
        except ClbenchError as error:
            hint = "" if self.stream else "; --stream FILE names one that is not installed"
            raise AbsentError(f"{error}{hint}") from error
        if plan.version != board.stream_version:
            raise AbsentError(f"stream {plan.name} is of version {plan.version} here")
        tasks = {task.name: task for task in plan.tasks}
        if sorted(tasks) != sorted(self.record.tasks):
            return plan
        return dataclasses.replace(plan, tasks=tuple(tasks[name] for name in self.record.tasks))

    @cached_property
    def data(self) -> list[TaskData]:
        """The tasks' records, in the record's order.

        Raises:
            AbsentError: they are not here.
        """
        try:
            found = {one.task.name: one for one in load_stream_data(self.plan, plugins=self.registry.plugins)}
            return [found[task.name] for task in self.plan.tasks]
        except ClbenchError as error:
            raise AbsentError(str(error)) from error
