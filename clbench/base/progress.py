"""Progress of training and evaluation: bars on a terminal (`bars`), a table in a notebook, plain `lines` elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Of a run among those of its command.

    Args:
        run: its id.
        number: 1 … of.
        of: runs of the command.
        phases: of this run.
    """

    run: str
    number: int
    of: int
    phases: int


class Progress:
    """Silent; the base of those that say something."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """One run of several."""
        self.say(f"run {place.number} of {place.of}: {place.run}")
        yield

    def skip(self, phases: int) -> None:
        """Phases of the run that an earlier process has done, which tell nothing of the pace."""

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """A phase, which takes `total` advances."""
        yield

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Some of it is done."""

    def say(self, text: str) -> None:
        """A line for the reader."""

    def say_once(self, text: str) -> None:
        """A line that is true of several runs, and said of the first."""
        if text not in self.said:
            self.said.add(text)
            self.say(text)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """While something goes on."""
        yield


def clock(seconds: float | None) -> str:
    """`1:02:03`; `-:--:--` where it is not known."""
    if seconds is None:
        return "-:--:--"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def left(done: float, total: float, *, seconds: float) -> float | None:
    """Time that is left at the pace so far; None before anything is done."""
    return (total - done) / done * seconds if done > 0 else None


def make_progress(*, quiet: bool = False, lines: bool = True) -> Progress:
    """The one that suits standard error.

    Args:
        quiet: nothing is said.
        lines: what is no terminal gets plain lines; else only notebooks and terminals are told.
    """
    from rich.console import Console

    from clbench.base import notebook

    if quiet:
        return Progress()
    if not lines and (display := notebook.display()) is not None:
        return notebook.NotebookProgress(display)
    console = Console(stderr=True)
    if console.is_terminal:
        from clbench.base.bars import BarProgress

        return BarProgress(console)
    if not lines:
        return Progress()
    from clbench.base.lines import LineProgress

    return LineProgress()
