"""What `events.jsonl` tells of a run's training: loss and learning rate by step, and which task was learned when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """What was logged of the optimizer steps; lists of one length, in order.

    Args:
        steps: numbers, counted over the whole run.
        losses: mean over the step's answer tokens, in nats a token.
        learning_rates: of the step.
        tasks: name and last step of each task that has been learned.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    learning_rates: tuple[float, ...] = ()
    tasks: tuple[tuple[str, int], ...] = ()


NO_CURVE = TrainingCurve()


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The log's lines; a line that is cut off by a crash, or is no event, is passed over."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and isinstance(found.get("event"), str):
                yield found


def training_curve(path: Path) -> TrainingCurve:
    """The curve of a log; a step that was made again after an interruption counts once, as it was made last."""
    steps: dict[int, tuple[float, float]] = {}
    tasks: dict[str, int] = {}
    for one in read_events(path):
        if one["event"] == "step" and all(isinstance(one.get(key), int | float) for key in _NUMBERS):
            steps[int(one["step"])] = float(one["loss"]), float(one["learning_rate"])
        if one["event"] == "trained" and isinstance(one.get("step"), int) and isinstance(one.get("task"), str):
            tasks[one["task"]] = one["step"]
    known = sorted(steps)
    losses, rates = (tuple(steps[step][place] for step in known) for place in (0, 1))
    return TrainingCurve(tuple(known), losses, rates, tuple(tasks.items()))


_NUMBERS = ("step", "loss", "learning_rate")
