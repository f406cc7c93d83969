"""What is kept of the past: four policies as functions from a memory and what arrives to the next memory.

Each record gets a random key when it arrives. "Keep the n largest keys" is then a uniform sample without replacement of
everything that ever arrived, whatever was dropped on the way, and a memory that shrinks stays one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from clbench import Example

Policy = Literal["task-balanced", "reservoir", "first", "ring"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One record in memory.

    Args:
        task: name of the experience that it came in.
        position: in that experience's data, from 0.
        key: uniform in [0, 1); the largest stay.
        example: the record.
    """

    task: str
    position: int
    key: float
    example: Example

    def to_json(self) -> list[Any]:
        """As JSON, exactly."""
        return [self.task, self.position, self.key, self.example.to_json()]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Kept:
        """From what `to_json` gave."""
        task, position, key, example = value
        return cls(task, position, key, Example.from_json(example))


def arrive(task: str, data: Iterable[Example], *, rng: Random) -> list[Kept]:
    """An experience's records with their keys."""
    return [Kept(task, position, rng.random(), one) for position, one in enumerate(data)]


def keep(
    memory: Sequence[Kept],
    arrived: Sequence[Kept],
    *,
    policy: Policy,
    size: int | None = None,
    share: float | None = None,
) -> list[Kept]:
    """The next memory, in order of arrival.

    Args:
        memory: what was kept so far.
        arrived: all records of one experience.
        policy: `reservoir`: a uniform sample of all records so far; `ring`: the last ones; `task-balanced`: a uniform
            sample of each task, equally many of each; `first`: the first records of each task.
        size: records that the memory holds, over all tasks.
        share: instead of `size`, the share (0–1] of each task that is kept.
    """
    if share is not None:
        number = part(len(arrived), share)
        return [*memory, *(arrived[:number] if policy == "first" else largest(arrived, number))]
    assert size is not None
    everything = [*memory, *arrived]
    if policy == "ring":
        return everything[-size:]
    return largest(everything, size) if policy == "reservoir" else balanced(everything, size)


def part(number: int, share: float) -> int:
    """Records in a share of a task: rounded down as TRACE does, but at least one; 0.29 of 100 are 29, not 28."""
    return min(number, max(1, math.floor(share * number + 1e-9)))


def largest(records: Sequence[Kept], number: int) -> list[Kept]:
    """The records with the largest keys, in their order."""
    ranked = sorted(range(len(records)), key=lambda index: -records[index].key)
    return [records[index] for index in sorted(ranked[:number])]


def balanced(records: Sequence[Kept], size: int) -> list[Kept]:
    """The largest keys of each task, as many of each as `quotas` says."""
    groups: dict[str, list[Kept]] = {}
    for one in records:
        groups.setdefault(one.task, []).append(one)
    slots = quotas([len(group) for group in groups.values()], size)
    return [one for group, number in zip(groups.values(), slots, strict=True) for one in largest(group, number)]


def quotas(available: Sequence[int], size: int) -> list[int]:
    """Slots for each task: equal, but what a small task leaves goes to the others (max-min fair)."""
    slots = [0] * len(available)
    ascending = sorted(range(len(available)), key=lambda index: (available[index], -index))
    for rank, index in enumerate(ascending):
        slots[index] = min(available[index], size // (len(available) - rank))
        size -= slots[index]
    return slots


def text_bytes(examples: Iterable[Example]) -> int:
    """Bytes of the records' text in UTF-8."""
    return sum(len(one.prompt.encode()) + len(one.answer.encode()) for one in examples)


def indices(memory: Iterable[Kept]) -> dict[str, list[int]]:
    """Which records of which experience are in memory: task to positions in its data."""
    found: dict[str, list[int]] = {}
    for one in memory:
        found.setdefault(one.task, []).append(one.position)
    return found
