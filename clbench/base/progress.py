"""Progress of training and evaluation: bars with the remaining time on a terminal, plain lines elsewhere.

There is one bar for the phase that goes on, one for its run, and one for the whole where there are several runs.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from clbench.base.text import terminal


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

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """One run of several."""
        self.say(f"run {place.number} of {place.of}: {place.run}")
        yield

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """A phase, which takes `total` advances."""
        yield

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Some of it is done."""

    def say(self, text: str) -> None:
        """A line for the reader."""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """While something goes on."""
        yield


class LineProgress(Progress):
    """A line when a task is done: for logs and pipes, on standard error."""

    def __init__(self) -> None:
        self.note = ""

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """Say how long it took, and the last note."""
        began, self.note = time.perf_counter(), ""
        yield
        note = f", {self.note}" if self.note else ""
        self.say(f"{name}: {total} done in {time.perf_counter() - began:.1f} s{note}")

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Remember the note."""
        self.note = note or self.note

    def say(self, text: str) -> None:
        """To standard error."""
        sys.stderr.write(terminal(text) + "\n")


class BarProgress(Progress):
    """Bars with elapsed and remaining time."""

    def __init__(self, console: Console) -> None:
        self.bars = Bars(
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self.current: TaskID | None = None
        self.outer: list[TaskID] = []

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw."""
        with self.bars:
            yield

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """A bar for the whole where it has several runs, and one for the run; gone when it is done."""
        self.say(f"run {place.number} of {place.of}: {place.run}")
        if place.of > 1:
            self.outer.append(self.bars.add_task("whole", total=place.of, completed=place.number - 1, note=""))
        self.outer.append(self.bars.add_task("run", total=place.phases, note=""))
        try:
            yield
        finally:
            for bar in self.outer:
                self.bars.remove_task(bar)
            self.outer.clear()

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """One bar, gone when it is done."""
        self.current = self.bars.add_task(name, total=total, note="")
        try:
            yield
            if self.outer:
                self.bars.advance(self.outer[-1])
        finally:
            self.bars.remove_task(self.current)
            self.current = None

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Move the bar."""
        if self.current is not None:
            self.bars.advance(self.current, amount)
            if note:
                self.bars.update(self.current, note=note)

    def say(self, text: str) -> None:
        """Above the bar."""
        self.bars.console.print(terminal(text), highlight=False, markup=False)


def make_progress(*, quiet: bool = False, lines: bool = True) -> Progress:
    """The one that suits standard error.

    Args:
        quiet: nothing is said.
        lines: what is no terminal gets plain lines; else only notebooks and terminals are told.
    """
    from clbench.base import notebook

    if quiet:
        return Progress()
    if not lines and (display := notebook.display()) is not None:
        return notebook.NotebookProgress(display)
    console = Console(stderr=True)
    if console.is_terminal:
        return BarProgress(console)
    return LineProgress() if lines else Progress()
