"""How far a phase, its run and the whole have come, and what is left of each at its own pace so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clbench.base.progress import Place, clock, left


@dataclass(frozen=True, slots=True)
class Level:
    """A phase, its run, or the whole.

    Args:
        name: `phase`, `run` or `whole`.
        done: of `total`, parts of one counted.
        total: what it takes.
        gone: seconds since it began.
        left: seconds that are left; None before anything is done.
    """

    name: str
    done: float
    total: int
    gone: float
    left: float | None

    def text(self) -> str:
        """`run 0:01:00 gone 0:02:00 left`."""
        return f"{self.name} {clock(self.gone)} gone {clock(self.left)} left"


class Pace:
    """What is told of a run's progress, summed up.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.place = Place("", 0, 1, 1)
        self.first = 0  # number of the first run that was not found finished
        self.skipped, self.given = 0, 0.0  # phases of this run, and runs, that an earlier process has done
        self.whole_began = self.run_began = self.phase_began = now()
        self.phases = self.done = self.total = 0

    def begin_run(self, place: Place) -> None:
        """Another run of the whole."""
        self.place, self.phases, self.total, self.run_began = place, 0, 0, self.now()
        self.skipped = 0
        if not self.first:
            self.first, self.whole_began = place.number, self.run_began

    def skip(self, phases: int) -> None:
        """An earlier process has done these phases of the run."""
        self.phases, self.skipped = self.phases + phases, self.skipped + phases
        self.given += phases / self.place.phases

    def begin_phase(self, total: int) -> None:
        """Another phase of the run, which takes `total`."""
        self.done, self.total, self.phase_began = 0, total, self.now()

    def end_phase(self) -> None:
        """The phase is over."""
        self.phases, self.done, self.total = self.phases + 1, 0, 0

    def levels(self) -> Iterator[Level]:
        """From the phase up to the whole; what there is not is left out."""
        place, moment = self.place, self.now()
        part = min(1.0, self.done / self.total) if self.total else 0.0
        if self.total:
            yield _level("phase", self.done, self.total, moment - self.phase_began)
        part = min(1.0, (self.phases + part) / place.phases)
        if place.number:
            yield _level("run", part * place.phases, place.phases, moment - self.run_began, first=self.skipped)
        if place.of > 1:
            first = self.first - 1 + self.given
            yield _level("whole", place.number - 1 + part, place.of, moment - self.whole_began, first=first)


def _level(name: str, done: float, total: int, gone: float, *, first: float = 0) -> Level:
    return Level(name, done, total, gone, left(done - first, total - first, seconds=gone))
