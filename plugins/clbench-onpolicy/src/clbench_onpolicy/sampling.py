"""What the three have in common: options of sampling, rewards of samples, what sampling costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from clbench import Example, MethodOptions, Prediction, Run, Sample

FORWARD = 1 / 3  # of a forward and a backward pass


class SamplingOptions(MethodOptions):
    """What all three have.

    Args:
        temperature: of sampling, from the whole distribution.
        max_new_tokens: of an answer; the task's own by default.
    """

    temperature: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    max_new_tokens: int | None = Field(default=None, ge=1)


def scored(run: Run, batch: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """A step's examples that have a reward, which are the present experience's own, and the others."""
    known = [(one.prompt, one.answer) in run.records for one in batch]
    return (
        [one for one, own in zip(batch, known, strict=True) if own],
        [one for one, own in zip(batch, known, strict=True) if not own],
    )


def rewards(run: Run, groups: Sequence[Sequence[Sample]]) -> list[list[float]]:
    """Each sample's score (0–1) by its own task's scorer."""
    flat = [one for group in groups for one in group]
    found: dict[int, float] = {}
    for task in dict.fromkeys(one.example.task for one in flat):
        mine = [place for place, one in enumerate(flat) if one.example.task == task]
        told = [Prediction(flat[i].example.prompt, flat[i].text, flat[i].example.answer) for i in mine]
        found.update(zip(mine, run.score(task, told), strict=True))
    values = iter(found[place] for place in range(len(flat)))
    return [[next(values) for _ in group] for group in groups]


@dataclass(slots=True)
class Passes:
    """Passes of examples: those that plain fine-tuning makes, and all.

    Args:
        own: examples of the steps.
        all: forward and backward passes over answers; a forward pass alone counts a third.
        right: sum of samples' scores.
        samples: how many.
    """

    own: int = 0
    all: float = 0.0
    right: float = 0.0
    samples: int = 0

    @property
    def extra(self) -> float:
        """On top of one for each example."""
        return max(0.0, self.all / max(1, self.own) - 1)

    def told(self) -> dict[str, Any]:
        """For the record."""
        mean = {"mean_score": round(self.right / self.samples, 6)} if self.samples else {}
        return {"examples": self.own, "samples": self.samples, **mean}
