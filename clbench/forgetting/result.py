"""What a comparison of two models found, as values: what is printed, written and gated on is made from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from clbench.forgetting.requirements import Requirement
from clbench.forgetting.tokens import Divergence
from clbench.forgetting.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Changed:
    """A record whose score changed.

    Args:
        probe: of which probe.
        record: its place there, from 0.
        prompt: what was asked, whole.
        answer: what was expected.
        base: what the base answered.
        tuned: what the tuned model answered.
        before: the base's score.
        after: the tuned model's.
    """

    probe: str
    record: int
    prompt: str
    answer: str
    base: str
    tuned: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Average:
    """The mean of both models' weights, measured like the tuned model.

    Args:
        share: of the tuned model, between 0 and 1.
        verdicts: on the same probes.
    """

    share: float
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """A requirement, and whether it is met."""

    requirement: Requirement
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """All of it.

    Args:
        base: name and hash of the base model.
        tuned: of the tuned one.
        tolerance: of a drop.
        verdicts: of each probe, and of them together.
        demands: what the user required.
        divergence: KL from the base, by probe and `text`.
        drift: of the parameters, as `clbench.models.drift` has it; None where it was not measured.
        changed: records that changed most.
        overlap: by probe, what it shares with what the model was tuned on.
        averages: of the two models' weights.
        notes: what a reader should know.
        seconds: that it took.
    """

    base: Mapping[str, str]
    tuned: Mapping[str, str]
    tolerance: float
    verdicts: tuple[Verdict, ...]
    demands: tuple[Demand, ...] = ()
    divergence: Mapping[str, Divergence] = field(default_factory=dict)
    drift: Mapping[str, Any] | None = None
    changed: tuple[Changed, ...] = ()
    overlap: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    averages: tuple[Average, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def lost(self) -> tuple[str, ...]:
        """Why the gate is closed, a line each: probes that are lost, and requirements that are not met."""
        demanded = [one.requirement for one in self.demands]
        free = [one for one in self.verdicts if not any(need.is_of(one.probe) for need in demanded)]
        lines = [f"{one.probe} is lost" for one in free if one.verdict == "lost"]
        return (*lines, *(f"not met: {one.requirement.text}" for one in self.demands if not one.met))

    def verdict(self, probe: str) -> Verdict:
        """Of one probe, by its whole name or the last part of it.

        Raises:
            KeyError: it was not asked.
        """
        for one in self.verdicts:
            if probe in (one.probe, one.probe.rpartition("/")[2]):
                return one
        raise KeyError(probe)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "lost": list(self.lost)}
