"""Where a run stands, when it is saved, and how it is stopped: what exact resumption needs besides the state itself."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from clbench.spec.protocol import Runtime

_PATIENCE = 40  # saving takes at most a fortieth of the time between two saves


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


class Checkpointer:
    """Saves a run's state when it is time, and finds it again.

    Args:
        folder: `checkpoints/` of the run.
        identity: what a run must be to continue from what is there.
        runtime: how often.
        writable: off in all processes of a run but the first.
    """

    def __init__(self, folder: Path, *, identity: Mapping[str, Any], runtime: Runtime, writable: bool) -> None:
        self.folder, self.identity, self.runtime, self.writable = folder, identity, runtime, writable
        self.saved_at = time.monotonic()
        self.cost = 0.0

    def load(self, *, say: Callable[[str], None]) -> dict[str, Any] | None:
        """The newest state that is whole; see `checkpoint.load`."""
        from clbench.runs import checkpoint

        return checkpoint.load(self.folder, identity=self.identity, say=say)

    def due(self, step: int) -> bool:
        """Whether this optimizer step is to be saved."""
        if self.runtime.checkpoint_steps is not None:
            return step % self.runtime.checkpoint_steps == 0
        return time.monotonic() - self.saved_at >= max(self.runtime.checkpoint_seconds, _PATIENCE * self.cost)

    def save(self, cursor: Cursor, state: Mapping[str, Any]) -> None:
        """Write one."""
        from clbench.runs import checkpoint

        began = time.monotonic()
        if self.writable:
            checkpoint.save(self.folder, {"cursor": asdict(cursor), **state}, identity=self.identity)
        self.saved_at = time.monotonic()
        self.cost = self.saved_at - began


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
