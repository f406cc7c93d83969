"""Where a thread's time goes: seconds by kind, each second once.

What is inside something else counts as what it is, not as what it is inside of: weights that are hashed while a model
is read are `hashing`. What is none of the kinds is `other`: tidying, boards, the command line.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["reading", "hashing", "training", "evaluation", "scoring", "saving", "waiting", "other"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(slots=True)
class Spending:
    """Adds up time by kind.

    Args:
        seconds: of what is over.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _stack: list[Kind] = field(default_factory=lambda: ["other"])
    _since: float = field(default_factory=lambda: time.perf_counter())  # noqa: PLW0108 (looked up when called)

    def now(self) -> dict[str, float]:
        """Seconds so far, what is going on included."""
        now, kind = time.perf_counter(), self._stack[-1]
        self.seconds[kind] = self.seconds.get(kind, 0.0) + now - self._since
        self._since = now
        return dict(self.seconds)

    def add(self, seconds: Mapping[str, float]) -> None:
        """What was spent before, elsewhere."""
        for kind, value in seconds.items():
            self.seconds[kind] = self.seconds.get(kind, 0.0) + value

    def begin(self) -> None:
        """Nothing is spent yet."""
        self.now()
        self.seconds = {}

    @contextlib.contextmanager
    def on(self, kind: Kind) -> Iterator[None]:
        """Count what happens inside."""
        self.now()
        self._stack.append(kind)
        try:
            yield
        finally:
            self.now()
            self._stack.pop()


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.spending = Spending()


_of_thread = _OfThread()


def present() -> Spending:
    """Of this thread: what works beside it counts for itself."""
    return _of_thread.spending


def on(kind: Kind) -> contextlib.AbstractContextManager[None]:
    """Count what happens inside, for whoever asks what this thread has spent."""
    return present().on(kind)
