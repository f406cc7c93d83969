"""Progress in a notebook: one piece of output that is drawn anew, of which a saved notebook keeps the last line."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from clbench.base.progress import Place, Progress
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
        self.display, self.replace = display, None
        self.began = self.drawn = time.monotonic()
        self.place, self.phase, self.note = Place("", 0, 1, 1), "", ""
        self.done = self.total = self.phases = 0

    @contextlib.contextmanager
    def run(self, place: Place) -> Iterator[None]:
        """One run; afterwards a line stays."""
        self.place, self.phases = place, 0
        end = "stopped"
        try:
            yield
            end = "done"
        finally:
            seconds = time.monotonic() - self.began
            self._show(f"run {place.number} of {place.of} {end} after {seconds:.1f} s: {place.run}", "")

    @contextlib.contextmanager
    def task(self, name: str, *, total: int) -> Iterator[None]:
        """A phase."""
        self.phase, self.done, self.total, self.note = name, 0, total, ""
        self._draw()
        yield
        self.phases += 1

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Draw again where it is time."""
        self.done, self.note = self.done + amount, note or self.note
        if time.monotonic() - self.drawn >= SECONDS:
            self._draw()

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        bars = [
            (self.phase, self.done, self.total, self.note),
            ("run", self.phases, self.place.phases, self.place.run),
            *([("whole", self.place.number - 1, self.place.of, "")] if self.place.of > 1 else []),
        ]
        text = "; ".join(f"{name} {done}/{total}" for name, done, total, _ in bars)
        rows = "".join(
            f'<tr><td>{html(name)}</td><td><progress value="{done}" max="{max(total, 1)}"></progress></td>'
            f"<td>{done}/{total} {html(note)}</td></tr>"
            for name, done, total, note in bars
        )
        self._show(text, f"<table>{rows}</table>")

    def _show(self, text: str, markup: str) -> None:
        line = terminal(text)
        shown = line, markup or f"<pre>{html(line)}</pre>"
        if self.replace is None:
            self.replace = self.display(*shown)
        else:
            self.replace(*shown)
