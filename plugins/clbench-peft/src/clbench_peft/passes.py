"""What a method reads beside training: forward passes, as a share of the passes that train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FORWARD = 1 / 3  # a forward pass alone, as a share of one with its backward pass


@dataclass(slots=True)
class Passes:
    """Counted in examples.

    Args:
        trained: of training steps.
        read: looked at without a gradient, as the passes they are worth.
    """

    trained: int = 0
    read: float = 0.0

    def look(self, number: int) -> None:
        """So many texts were read once."""
        self.read += number * FORWARD

    @property
    def extra(self) -> float:
        """`Footprint.extra_passes`."""
        return self.read / self.trained if self.trained else 0.0

    def state(self) -> list[float]:
        """For a checkpoint."""
        return [self.trained, self.read]

    @classmethod
    def of(cls, state: Sequence[float]) -> Passes:
        """Taken up again."""
        return cls(int(state[0]), state[1])
