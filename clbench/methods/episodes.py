"""What is trained and scored when, for each way that experiences reach a model. Pure.

Plain fine-tuning and its bounds differ in nothing else, so the runner is one loop over episodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from clbench.methods.methodspec import Regime

One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Episode:
    """A training and the row of R that is measured after it.

    Args:
        row: of R.
        tasks: positions (from 0) of the tasks whose data are trained on.
        from_base: start again from the base model.
    """

    row: int
    tasks: tuple[int, ...]
    from_base: bool = False


def episodes(regime: Regime, num_tasks: int) -> list[Episode]:
    """What is trained on what, for each way that experiences reach a model."""
    if regime == "frozen":
        return []
    if regime == "joint":
        return [Episode(num_tasks, tuple(range(num_tasks)))]
    return [Episode(i + 1, (i,), from_base=regime == "single") for i in range(num_tasks)]


def num_phases(regime: Regime, num_tasks: int) -> int:
    """Phases of a run that are told one by one: training before each row of R, and scoring it."""
    return 1 + 2 * len(episodes(regime, num_tasks))


def due(row: int, *, num_tasks: int, schedule: str, regime: Regime) -> list[int]:
    """Positions of the tasks that are scored in a row of R (0 = base)."""
    if regime == "single" and row:
        return [row - 1]
    if row == 0:
        return [] if schedule == "ends" and regime != "frozen" else list(range(num_tasks))
    if schedule == "full" or row == num_tasks:
        return list(range(num_tasks))
    return list(range(row)) if schedule == "seen" else [row - 1]


def known_row(rows: Sequence[Sequence[One]], row: int, regime: Regime) -> tuple[One, ...]:
    """A row of R from what was measured: the base model's, or each task's own model's for those learned by then."""
    base = tuple(rows[0])
    if regime == "frozen":
        return base
    return tuple(rows[j + 1][j] if j < row else base[j] for j in range(len(base)))


def num_steps(sizes: Sequence[int], *, epochs: Sequence[int], global_batch: int, regime: Regime) -> int:
    """Optimizer steps of the whole stream, before a method changes the data.

    Args:
        sizes: training examples of each task.
        epochs: passes over each task.
        global_batch: examples a step.
        regime: how experiences reach the model.
    """
    if regime == "frozen":
        return 0
    if regime == "joint":
        return math.ceil(sum(size * times for size, times in zip(sizes, epochs, strict=True)) / global_batch)
    return sum(times * math.ceil(size / global_batch) for size, times in zip(sizes, epochs, strict=True))
