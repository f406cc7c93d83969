"""What a run's test records and probes share with its training data: said in the record, stops nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from clbench.data.bare import questions, training_texts
from clbench.data.example import Example
from clbench.data.overlap import equal, overlap_all
from clbench.data.probes import ProbeData
from clbench.data.sources import TaskData
from clbench.spec.stream import StreamPlan


class Contents(Protocol):
    """A run's records: a `RunConfig`, or what was found again of one."""

    @property
    def plan(self) -> StreamPlan:
        """The stream."""
        ...

    @property
    def data(self) -> Sequence[TaskData]:
        """Of its tasks."""
        ...

    @property
    def probes(self) -> Sequence[ProbeData]:
        """Of what is asked besides."""
        ...


def overlaps(config: Contents) -> dict[str, dict[str, Any]]:
    """For each task and probe how many of its records share words in a row with training records, or are such records.

    Templates and solved examples, which many prompts share, are taken off first. Left out are generated records, whose
    phrases recur by construction while no prompt is in two splits, and other libraries' probes, whose texts are not
    known beforehand.
    """
    tasks = () if config.plan.source == "mini" else config.data
    asked = [*tasks, *(probe for probe in config.probes if probe.source not in ("world", "external"))]
    if not asked:
        return {}
    found = overlap_all(_texts(config), {one.task.name: questions(one.test) for one in asked})
    shared = {one.task.name: _equal(config, one.test) for one in asked}
    return {
        name: {**dataclasses.asdict(one), "examples": list(one.examples), **shared[name]} for name, one in found.items()
    }


def _equal(config: Contents, examples: Sequence[Example]) -> dict[str, int]:
    """Records that are training records, however short; solved examples before a question are no part of it."""
    train = ((one.prompt, one.answer) for data in config.data for one in data.train)
    prompts, pairs = equal(train, [(one.prompt[one.start :], one.answer) for one in examples])
    return {"equal_prompts": prompts, "equal_pairs": pairs}


def _texts(config: Contents) -> Iterator[str]:
    """Training texts as they stand, and without what all of them share: a record may follow on either."""
    for data in config.data:
        yield from training_texts(data.train)
