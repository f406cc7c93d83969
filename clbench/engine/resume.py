"""Where a run stands, and how it is stopped: what exact resumption needs besides the state itself."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a run has come.

    Args:
        row: of R that is being trained for or measured.
        stage: what is going on.
        done: steps made in this stage.
    """

    row: int = 0
    stage: Literal["train", "rehearse", "measure"] = "measure"
    done: int = 0


class StopSignal:
    """Whether the user or the cluster has asked the run to stop."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, *_: object) -> None:
        """The first time, remember; the second, stop where we are."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextlib.contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """SIGINT and SIGTERM wait for the end of the step, so that it can be saved."""
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    kept = {number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
