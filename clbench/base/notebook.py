"""Progress in a notebook: one piece of output that is drawn anew, of which a saved notebook keeps the last line."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from clbench.base.pace import Pace
from clbench.base.progress import Place, Progress, clock
from clbench.base.text import html, terminal

Display = Callable[[str, str], Callable[[str, str], None]]
"""Shows something as text and as HTML, and gives the function that replaces it."""
SECONDS = 0.3  # between two drawings


def display() -> Display | None:
    """How this process's notebook shows things; None where there is none."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return _display if hasattr(shell, "kernel") else None


def _display(text: str, markup: str) -> Callable[[str, str], None]:
    from IPython.display import display

    handle: Any = display({"text/plain": text, "text/html": markup}, raw=True, display_id=True)
    return lambda text, markup: handle.update({"text/plain": text, "text/html": markup}, raw=True)


class NotebookProgress(Progress):
    """Three bars in one output: phase, run, whole.

    Args:
        display: shows the output.
    """

    def __init__(self, display: Display) -> None:
        super().__init__()
        self.display, self.replace = display, None
        self.began = self.drawn = time.monotonic()
        self.pace, self.phase, self.note = Pace(), "", ""

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """One run; afterwards a line stays."""
        self.pace.begin_run(place)
        end = "stopped"
        try:
            yield
            end = "done"
        finally:
            seconds = time.monotonic() - self.began
            self._show(f"run {place.number} of {place.of} {end} after {seconds:.1f} s: {place.run}", "")

    def skip(self, phases: int) -> None:
        """Count them as done."""
        self.pace.skip(phases)

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """A phase."""
        self.pace.begin_phase(total)
        self.phase, self.note = name, ""
        self._draw()
        yield
        self.pace.end_phase()

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Draw again where it is time."""
        self.pace.done += amount
        self.note = note or self.note
        if time.monotonic() - self.drawn >= SECONDS:
            self._draw()

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        levels = list(self.pace.levels())
        said = {"phase": (self.phase, self.note), "run": ("run", self.pace.place.run)}
        bars = [(one, *said.get(one.name, (one.name, ""))) for one in levels]
        text = "; ".join(f"{name} {int(one.done)}/{one.total}, {clock(one.left)} left" for one, name, _ in bars)
        rows = "".join(
            f'<tr><td>{html(name)}</td><td><progress value="{one.done:.3f}" max="{one.total}"></progress></td>'
            f"<td>{int(one.done)}/{one.total}</td><td>{clock(one.gone)} gone</td><td>{clock(one.left)} left</td>"
            f"<td>{html(note)}</td></tr>"
            for one, name, note in bars
        )
        self._show(text, f"<table>{rows}</table>")

    def _show(self, text: str, markup: str) -> None:
        line = terminal(text)
        shown = line, markup or f"<pre>{html(line)}</pre>"
        if self.replace is None:
            self.replace = self.display(*shown)
        else:
            self.replace(*shown)
