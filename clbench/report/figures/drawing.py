"""One picture: which kinds there are, how wide they are, and how their files become the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ClbenchError, RecordError, unknown_name
from clbench.report.figures import bars, curves, matrices, pareto
from clbench.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: Mapping[str, Callable[[Figure, Sequence[Subject]], None]] = {
    "R": matrices.draw_results,
    "curves": curves.draw_averages,
    "bars": bars.draw,
    "pareto": pareto.draw,
    "drift": curves.draw_drift,
    "loss": curves.draw_losses,
    "experts": matrices.draw_experts,
}
WIDTHS = {"one": 3.25, "two": 6.75}
"""Inches of a column, and of two, in most journals and proceedings."""
ASPECT = {"one": 0.8, "two": 0.45}
MIXED = ("R", "experts", "loss")  # of single runs, that need not be of one board
_SUFFIXES = {"pdf": {"CreationDate": None, "ModDate": None}, "svg": {"Date": None}, "png": {"Software": None}}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "svg.hashsalt": "clbench",
    "svg.fonttype": "path",
    "figure.dpi": 300,
    "savefig.dpi": 300,
}


def draw(kind: str, subjects: Sequence[Subject], *, form: str, columns: str = "one") -> bytes:
    """A picture as the content of a file.

    Args:
        kind: one of `KINDS`.
        subjects: the runs; of one board, where they stand in one diagram.
        form: `pdf`, `svg` or `png`.
        columns: of the page that it is for: `one` or `two`.

    Raises:
        ClbenchError: matplotlib is not installed, or the form is unknown.
        RecordError: the runs lack what the picture shows, or are of several boards.
    """
    if kind not in KINDS:
        raise unknown_name("picture", kind, KINDS)
    boards = {one.board.name for one in subjects}
    if kind not in MIXED and len(boards) > 1:
        raise RecordError(f"the runs are of {len(boards)} boards, which cannot be compared; choose those of one")
    return render(lambda figure: KINDS[kind](figure, subjects), form=form, columns=columns)


def render(paint: Callable[[Figure], None], *, form: str, columns: str) -> bytes:
    """What is painted on a figure of a page's width, as the content of a file; the same bytes each time.

    Raises:
        ClbenchError: matplotlib is not installed, or the form is unknown.
    """
    if form not in _SUFFIXES:
        raise ClbenchError(f"a picture is .pdf, .svg or .png, and not .{form}")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise ClbenchError("pictures need matplotlib: pip install 'clbench[plot]'") from None
    style: dict[Any, Any] = {**mpl.rcParamsDefault, **_STYLE}
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTHS[columns], WIDTHS[columns] * ASPECT[columns]), layout="constrained")
        paint(figure)
        content = io.BytesIO()
        figure.savefig(content, format=form, metadata=_SUFFIXES[form])
    return content.getvalue()
