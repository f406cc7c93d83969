"""Bars on a terminal: the phase, its run, and the whole, each with the time that has gone and the time that is left.

At 80 columns no number is cut: what is said of the last step stands on a line of its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from clbench.base.progress import Place, Progress, clock, left
from clbench.base.text import terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class _Times(ProgressColumn):
    """What has gone since a bar began, and what is left of it at that pace."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        began, start = task.fields["began"], task.fields["offset"]
        gone = time.monotonic() - began
        remaining = left(task.completed - start, (task.total or 0) - start, seconds=gone)
        return Text(f"{clock(gone)} gone {clock(remaining)} left")


class _Noted(Bars):
    """Bars with a line below them."""

    note = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.note:
            yield Text(self.note, no_wrap=True, overflow="ellipsis")


@dataclass(slots=True)
class _Bar:
    """One bar, and how much of it was done when its present part began."""

    name: TaskID
    done: float


class BarProgress(Progress):
    """Bars for the phase, its run, and the whole where there are several runs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.bars = _Noted(
            TextColumn("{task.description:<22.22}", markup=False),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            _Times(),
            console=console,
            transient=True,
        )
        self.began, self.start = time.monotonic(), -1.0  # of the whole, over all its runs
        self.current: TaskID | None = None
        self.outer: list[_Bar] = []

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw."""
        with self.bars:
            yield

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """A bar for the whole where it has several runs, and one for the run; gone when it is done."""
        self.say(f"run {place.number} of {place.of}: {place.run}")
        done = place.number - 1
        self.start = done if self.start < 0 else self.start
        if place.of > 1:
            whole = self._add("whole", total=place.of, done=done, began=self.began, start=self.start)
            self.outer.append(_Bar(whole, done))
        self.outer.append(_Bar(self._add("run", total=place.phases), 0))
        try:
            yield
        finally:
            for bar in self.outer:
                self.bars.remove_task(bar.name)
            self.outer.clear()
            self.bars.note = ""

    def skip(self, phases: int) -> None:
        """Bars begin where an earlier process ended, and so does their pace."""
        part: float = phases
        for bar in reversed(self.outer):
            task = next(one for one in self.bars.tasks if one.id == bar.name)
            if bar is self.outer[-1]:
                bar.done += part
            else:
                self.start += part
            self.bars.update(bar.name, completed=task.completed + part, offset=task.fields["offset"] + part)
            part = part / task.total if task.total else 0.0

    def _add(self, name: str, *, total: int, done: int = 0, began: float | None = None, start: float = 0) -> TaskID:
        moment = time.monotonic() if began is None else began
        return self.bars.add_task(name, total=total, completed=done, began=moment, offset=start)

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """One bar, gone when it is done."""
        self.current = self._add(name, total=total)
        try:
            yield
            if self.outer:
                self.outer[-1].done += 1
        finally:
            self.bars.remove_task(self.current)
            self.current = None

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Move the bar, and those that it is a part of."""
        if self.current is None:
            return
        self.bars.advance(self.current, amount)
        self.bars.note = note or self.bars.note
        phase = next(one for one in self.bars.tasks if one.id == self.current)
        part = phase.completed / phase.total if phase.total else 0.0
        for bar in reversed(self.outer):
            task = next(one for one in self.bars.tasks if one.id == bar.name)
            self.bars.update(bar.name, completed=bar.done + min(part, 1.0))
            part = (bar.done + part) / task.total if task.total else 0.0

    def say(self, text: str) -> None:
        """Above the bar."""
        self.bars.console.print(terminal(text), highlight=False, markup=False)
