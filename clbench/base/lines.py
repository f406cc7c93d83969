"""Progress as plain lines, for logs and pipes, on standard error: what is done, and now and then what is left."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from clbench.base.pace import Pace
from clbench.base.progress import Place, Progress
from clbench.base.text import terminal

BETWEEN = 10.0  # seconds from one line about time to the next, where phases are short
WITHIN = 60.0  # in a phase that is long


class LineProgress(Progress):
    """A line when a phase is done or a minute old, and one about the time of phase, run and whole.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.pace, self.note, self.name = Pace(now), "", ""
        self.told = now()

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """One run of several."""
        self.pace.begin_run(place)
        with super().run(place):
            yield

    def skip(self, phases: int) -> None:
        """Count them as done."""
        self.pace.skip(phases)

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """Say how long it took, and the last note."""
        self.pace.begin_phase(total)
        self.name, self.note = name, ""
        yield
        seconds = self.pace.now() - self.pace.phase_began
        self._tell(f"{total} done in {seconds:.1f} s", after=BETWEEN, end=True)

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Remember the note."""
        self.note = note or self.note
        self.pace.done += amount
        if self.pace.total and self.pace.now() - self.told >= WITHIN:
            self._tell(f"{self.pace.done} of {self.pace.total}", after=WITHIN)

    def _tell(self, done: str, *, after: float, end: bool = False) -> None:
        """How much is done, and where nothing was said of time for a while, that."""
        self.say(f"{self.name}: {done}{f', {self.note}' if self.note else ''}")
        if end:
            self.pace.end_phase()
        if self.pace.now() - self.told >= after:
            self.told = self.pace.now()
            times = [level.text() for level in self.pace.levels()]
            for some in filter(None, (times[:-2], times[-2:])):  # two a line fit 80 columns
                self.say(", ".join(some))

    def say(self, text: str) -> None:
        """To standard error."""
        sys.stderr.write(terminal(text) + "\n")
