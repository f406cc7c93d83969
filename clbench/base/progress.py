"""Progress of training and evaluation: bars with the remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from clbench.base.text import terminal


class Progress:
    """Silent; the base of those that say something."""

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """Something that takes `total` advances."""
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
    """A bar with elapsed and remaining time."""

    def __init__(self, console: Console) -> None:
        self.bars = Bars(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self.current: TaskID | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw."""
        with self.bars:
            yield

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """One bar, gone when it is done."""
        self.current = self.bars.add_task(name, total=total, note="")
        try:
            yield
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


def make_progress(*, quiet: bool = False) -> Progress:
    """The one that suits standard error."""
    if quiet:
        return Progress()
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else LineProgress()
