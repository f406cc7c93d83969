"""Validation records, which settings are chosen by: never a test record, and nothing that is trained on.

A data set's own validation split is taken where it has one, less what stands in its test or training records (TRACE's
FOMC has its test split there once more). Elsewhere, and where nothing of it is left, a share of the training records is
held out, which are not trained on then. The share is the same in every process and run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from clbench.base.errors import DataError
from clbench.data.example import Example

SHARE = 0.1  # of the different training prompts


class Held(NamedTuple):
    """What is trained on, what is scored instead of test records, and how that came to be."""

    train: list[Example]
    validation: list[Example]
    notes: list[str]


def hold(
    train: Sequence[Example],
    *,
    own: Sequence[Example] | None,
    test: Sequence[Example],
    task: str,
    cap: int | None = None,
) -> Held:
    """Validation records of one task.

    Args:
        train: its training records.
        own: those of its validation split; None where it has none.
        test: its test records, all of them.
        task: its name.
        cap: how many validation records at most.

    Raises:
        DataError: the task has no own ones, and too few training records to hold some out.
    """
    if own is None:
        return _share(train, test=test, task=task, cap=cap)
    known = {one.prompt for one in (*train, *test)}
    kept = [one for one in own if one.prompt not in known]
    left_out = len(own) - len(kept)
    said = f"{task}: {left_out} of {len(own)} validation records stand in its test or training records and are left out"
    notes = [said] if left_out else []
    if kept:
        return Held(list(train), kept[:cap], notes)
    held = _share(train, test=test, task=task, cap=cap)
    return held._replace(notes=[*notes, *held.notes])


def _share(train: Sequence[Example], *, test: Sequence[Example], task: str, cap: int | None) -> Held:
    """A tenth of the different prompts, each once; all their records leave the training data."""
    asked = {one.prompt for one in test}
    first = {one.prompt: one for one in reversed(train) if one.prompt not in asked}
    prompts = [one.prompt for one in train if first.get(one.prompt) is one]
    size = max(1, round(SHARE * len(prompts)))
    drawn = set(random.Random(f"clbench validation {task}").sample(prompts, min(size, cap or size, len(prompts))))
    left = [one for one in train if one.prompt not in drawn]
    if not drawn or not left:
        raise DataError(
            f"task {task!r}: no validation split, and too few training records to hold some out; "
            "give more, or name an eval file"
        )
    said = f"{task}: {len(drawn)} training prompts are held out as validation records"
    return Held(left, [one for one in train if first.get(one.prompt) is one and one.prompt in drawn], [said])
