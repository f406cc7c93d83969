"""Seconds of training and of evaluation, all that is inside them included, over all interruptions.

Where each second went is `base.spending`'s; what a run carries of both is here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from clbench.base import spending
from clbench.base.spending import Kind

KINDS: dict[str, Kind] = {"train": "training", "eval": "evaluation"}


@dataclass(slots=True)
class Clock:
    """Adds up time by kind.

    Args:
        seconds: of what is over.
    """

    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "eval": 0.0})
    _running: tuple[str, float] | None = None
    _stepped: float | None = None

    def now(self) -> dict[str, float]:
        """Seconds so far, what is going on included."""
        found = dict(self.seconds)
        if self._running is not None:
            kind, began = self._running
            found[kind] += time.perf_counter() - began
        return found

    def pace(self, tokens: int) -> float | None:
        """Tokens a second since the step before; None for the first one after anything else."""
        now, before = time.perf_counter(), self._stepped
        self._stepped = now
        return tokens / (now - before) if before is not None and now > before else None

    @contextlib.contextmanager
    def running(self, kind: Literal["train", "eval"]) -> Iterator[None]:
        """Count what happens inside."""
        self._running, self._stepped = (kind, time.perf_counter()), None
        with spending.on(KINDS[kind]):
            yield
        self.seconds, self._running = self.now(), None
