"""Times of several ways to do the same, taken in turn, so that what else the machine does falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Work = Callable[[], object]
FEWEST, MOST = 3, 9  # rounds; medians of fewer say nothing, of more nothing else


def seconds(work: Work, device: torch.device) -> float:
    """Of one call, with all that it set going on the device."""
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def in_turn(works: Mapping[str, Work], *, device: torch.device, budget: float) -> dict[str, list[float]]:
    """Seconds of each way, round by round, after one round that is not counted.

    Args:
        works: by name.
        device: that they use.
        budget: seconds to spend, about; it decides how many rounds there are.

    Returns:
        As many times for each, so that those at one place belong together.
    """
    first = sum(seconds(work, device) for work in works.values())
    rounds = max(FEWEST, min(MOST, int(budget / max(first, 1e-9))))
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(seconds(work, device))
    return found


def ratio(one: list[float], other: list[float]) -> float:
    """Median of pairs."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def median(times: list[float]) -> float:
    """Seconds."""
    return statistics.median(times)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
