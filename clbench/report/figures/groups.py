"""Runs of one method together, and how a method is drawn: colour, dashes and marker, so that grey is enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from clbench.base.text import terminal
from clbench.metrics.statistics import deviation, t_quantile
from clbench.report.colours import line_style
from clbench.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST = 3
_MARKERS = "os^Dv<>PX"


def by_method(subjects: Sequence[Subject]) -> dict[str, list[Subject]]:
    """Label to its runs, in the order given."""
    found: dict[str, list[Subject]] = {}
    for one in subjects:
        found.setdefault(one.method.label, []).append(one)
    return found


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % t-interval; 0 for fewer than three runs, whose interval fits no axis."""
    if len(values) < FEWEST:
        return fmean(values), 0.0
    return fmean(values), t_quantile(0.975, freedom=len(values) - 1) * deviation(values) / math.sqrt(len(values))


def look(number: int) -> dict[str, Any]:
    """Of the n-th method's line."""
    colour, dashes = line_style(number)
    style = "-" if dashes is None else (0, tuple(float(one) / 2 for one in dashes.split()))
    return {"color": colour, "linestyle": style, "marker": _MARKERS[number % len(_MARKERS)]}


def words(text: str) -> str:
    """A text from outside as matplotlib shows it, without its mathematics."""
    return terminal(text).replace("$", r"\$")


def short(name: str) -> str:
    """`trace/fomc` as `fomc`."""
    return words(name.rpartition("/")[2] or name)


def titled(label: str, runs: Sequence[Subject]) -> str:
    """A method's name in a legend."""
    return words(f"{label} (n = {len(runs)})" if len(runs) > 1 else label)


def shared_tasks(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Tasks in the first run's order."""
    return subjects[0].matrix.tasks


def legend(figure: Figure, ax: Any) -> None:
    """Above the diagrams, so that it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    widest = max((len(label) for label in labels), default=1)
    columns = max(1, min(len(labels), int(figure.get_figwidth() * 21 / (widest + 6))))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)
