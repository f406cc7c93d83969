"""Many looks at one training: the level is spent on them in equal shares, so that looking often makes no false alarms.

Every look asks the same records, of which the base's answers are fixed, and the model's at one step resemble those at
the next. No law of that resemblance is known, so none is assumed: with K planned looks each is tested at level / K
(alpha spending in equal shares, Bonferroni's bound over looks on top of Holm's over probes). The chance that any look
calls anything lost, where nothing changed, is at most the level, however the looks hang together; a look that is left
out only makes it smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clbench.forgetting.verdicts import Pair, Verdict, judge
from clbench.metrics.paired import LEVEL


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Args:
        step: of the training.
        verdicts: on each probe, and together.
    """

    step: int
    verdicts: tuple[Verdict, ...]

    @property
    def lost(self) -> tuple[Verdict, ...]:
        """What is lost."""
        return tuple(one for one in self.verdicts if one.verdict == "lost")

    def fell(self, tolerance: float) -> bool:
        """Whether any score is lower by more than the tolerance, by chance or not."""
        return any((one.change if one.loss else -one.change) > tolerance for one in self.verdicts)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many looks there will be, and what each may call lost.

    Args:
        looks: at most.
        tolerance: of a drop.
        level: over all looks and probes.
    """

    looks: int
    tolerance: float
    level: float = LEVEL

    def judge(self, step: int, pairs: Mapping[str, Pair]) -> Look:
        """One look's verdicts."""
        return Look(step, tuple(judge(pairs, tolerance=self.tolerance, level=self.level / self.looks)))
