"""The episodic memory: a seeded uniform sample of each past task's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from clbench import Example


@dataclass(slots=True)
class Memory:
    """What is kept of each task, in the order the tasks came.

    Args:
        examples: by task.
        positions: of these in the task's data, from 0.
    """

    examples: dict[str, list[Example]] = field(default_factory=dict)
    positions: dict[str, list[int]] = field(default_factory=dict)

    def keep(self, task: str, data: Sequence[Example], *, number: int, rng: Random) -> None:
        """A sample of a task's records without replacement; all of them where there are fewer."""
        chosen = sorted(rng.sample(range(len(data)), min(number, len(data))))
        self.positions[task] = chosen
        self.examples[task] = [data[position] for position in chosen]

    def all(self) -> list[Example]:
        """Of all tasks."""
        return [one for examples in self.examples.values() for one in examples]

    def text_bytes(self) -> int:
        """Bytes of the records' text in UTF-8."""
        return sum(len(one.prompt.encode()) + len(one.answer.encode()) for one in self.all())

    def to_json(self) -> dict[str, Any]:
        """As JSON. A list, for the order of tasks is part of it."""
        records = [
            [task, self.positions[task], [one.to_json() for one in examples]]
            for task, examples in self.examples.items()
        ]
        return {"tasks": records}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Memory:
        """From what `to_json` gave."""
        memory = cls()
        for task, positions, examples in value["tasks"]:
            memory.positions[task] = list(positions)
            memory.examples[task] = [Example.from_json(one) for one in examples]
        return memory
