"""The terminal as the commands write to it: nothing that acts on it comes from outside."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from clbench.base.text import plain


class Screen(Console):
    """A console that shows escape sequences and their like as `�`, wherever they stand: lines, cells, titles."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, piece by piece."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(plain(piece.text), piece.style)
