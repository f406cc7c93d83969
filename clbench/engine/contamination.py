"""What a run's test records and probes share with its training data: said in the record, stops nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from clbench.data.example import Example
from clbench.data.overlap import equal, overlap_all, tokens
from clbench.data.tokenising import common_prefix
from clbench.runs.runconfig import RunConfig


def overlaps(config: RunConfig) -> dict[str, dict[str, Any]]:
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


def _equal(config: RunConfig, examples: Sequence[Example]) -> dict[str, int]:
    """Records that are training records, however short; solved examples before a question are no part of it."""
    train = ((one.prompt, one.answer) for data in config.data for one in data.train)
    prompts, pairs = equal(train, [(one.prompt[one.start :], one.answer) for one in examples])
    return {"equal_prompts": prompts, "equal_pairs": pairs}


def questions(examples: Sequence[Example]) -> list[str]:
    """Prompts without what all of them begin and end with, nor the solved examples before them; and their answers."""
    bare = [one.prompt[one.start :] for one in examples]
    begin = _alike(bare)
    end = _alike([text[begin:][::-1] for text in bare])
    return [f"{text[begin : len(text) - end]} {one.answer}" for text, one in zip(bare, examples, strict=True)]


def _alike(texts: Sequence[str]) -> int:
    """Characters that all texts begin with, of whole words; none where there is but one."""
    size = min((common_prefix(texts[0], text) for text in texts[1:]), default=0)
    while size and any(tokens(pair := text[size - 1 : size + 1]) == [pair.casefold()] for text in texts if text[size:]):
        size -= 1
    return size


def _texts(config: RunConfig) -> Iterator[str]:
    """Training texts as they stand, and without what all of them share: a record may follow on either."""
    for data in config.data:
        yield from training_texts(data.train)


def training_texts(examples: Sequence[Example]) -> Iterator[str]:
    """Those of one task."""
    for one, bare in zip(examples, questions(examples), strict=True):
        yield f"{one.prompt} {one.answer}"
        yield bare
