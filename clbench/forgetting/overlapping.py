"""Which of the probes' records a model has seen when it was tuned: such a probe tells nothing of what it kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clbench.data.bare import questions, training_texts
from clbench.data.overlap import equal, overlap_all
from clbench.data.probes import ProbeData
from clbench.data.records import read_examples
from clbench.data.sources import TaskData


def overlaps(probes: Sequence[TaskData], files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Which of the probes' records stand in the files that a model was tuned on: see `clbench.data.overlap`.

    Args:
        probes: those of other libraries, whose texts are not known, are left out.
        files: records or texts of any usual form.
    """
    if not files:
        return {}
    train = [one for path in files for one in read_examples(path, task="trained-on", split="train")]
    asked = [one for one in probes if not (isinstance(one, ProbeData) and one.external)]
    found = overlap_all(training_texts(train), {one.task.name: questions(one.test) for one in asked})
    pairs = [(one.prompt, one.answer) for one in train]
    same = {
        data.task.name: equal(pairs, [(one.prompt[one.start :], one.answer) for one in data.test]) for data in asked
    }
    return {
        name: {**dataclasses.asdict(one), "equal_prompts": same[name][0], "equal_pairs": same[name][1]}
        for name, one in found.items()
    }
