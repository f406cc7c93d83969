"""What explains forgetting on a board: how far the answers have moved from the base model's, or how far the weights?

A point a run: its loss on earlier tasks (−BWT) over KL(base ‖ trained) on the test prompts, and over parameter drift,
each with the rank correlation over all runs. That KL explains it is what arXiv 2509.04259 found.
"""

from __future__ import annotations

from collections.abc import Sequence

from clbench.boards.values import Values
from clbench.metrics.statistics import rank_correlation
from clbench.metrics.summaries import SummarySpec
from clbench.report.chart import ink
from clbench.report.curves import looks_of
from clbench.report.html import Html, tag
from clbench.report.subject import Subject

AXES = (("drift.kl", "KL from the base (nats a token)"), ("drift.relative_l2", "parameter drift ‖θ − θ₀‖ / ‖θ₀‖"))
WIDTH, HEIGHT, EDGE = 360, 240, 44
FEWEST = 3  # runs that a rank correlation is told of


def explained(subjects: Sequence[Subject], *, summaries: Sequence[SummarySpec]) -> Html | None:
    """Both pictures for the runs of one board; nothing where fewer than three have all three numbers.

    Args:
        subjects: runs of one board.
        summaries: functions of R.
    """
    values = Values(summaries, [one.record for one in subjects if one.record])
    found = []
    for one in subjects:
        numbers = [values.of(one.record, key) for key in ("bwt.gem", *(key for key, _ in AXES))] if one.record else []
        if numbers and None not in numbers:
            found.append((one, [number for number in numbers if number is not None]))
    if len(found) < FEWEST:
        return None
    lost = [-numbers[0] for _, numbers in found]
    runs = [one for one, _ in found]
    pictures = [
        _picture(runs, [numbers[place] for _, numbers in found], lost, heading)
        for place, (_, heading) in enumerate(AXES, 1)
    ]
    return tag("div", tag("h4", "What explains forgetting here?"), pictures, class_="explained")


def _picture(runs: Sequence[Subject], xs: Sequence[float], ys: Sequence[float], heading: str) -> Html:
    rho = rank_correlation(xs, ys)
    told = "no rank correlation: all values are equal" if rho is None else f"rank correlation {rho:+.2f}"
    title = f"forgetting (−BWT) over {heading}: {told} over {len(runs)} runs"
    return tag("figure", _scatter(runs, xs, ys, title), tag("figcaption", title))


def _scatter(runs: Sequence[Subject], xs: Sequence[float], ys: Sequence[float], title: str) -> Html:
    looks, (left, right), (low, high) = looks_of(runs), _span(xs), _span(ys)
    dots = [
        tag(
            "circle",
            tag("title", f"{one.method.label}, seed {one.seed}, {one.order}: {x:.4g}, {y:+.4f}"),
            cx=round(EDGE + (WIDTH - 2 * EDGE) * (x - left) / (right - left), 1),
            cy=round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (y - low) / (high - low), 1),
            r=4,
            fill=ink(looks[one.method.label][0]),
        )
        for one, x, y in zip(runs, xs, ys, strict=True)
    ]
    ends = [(EDGE, HEIGHT - 12, left), (WIDTH - EDGE, HEIGHT - 12, right), (4, HEIGHT - EDGE, low), (4, EDGE, high)]
    marks = [tag("text", f"{value:.3g}", x=x, y=y, font_size=11) for x, y, value in ends]
    lines = [
        tag("line", x1=EDGE, x2=EDGE, y1=EDGE, y2=HEIGHT - EDGE, stroke="currentColor"),
        tag("line", x1=EDGE, x2=WIDTH - EDGE, y1=HEIGHT - EDGE, y2=HEIGHT - EDGE, stroke="currentColor"),
    ]
    content = [tag("title", title), lines, marks, dots]
    return tag("svg", content, viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, role="img")


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis, which lie apart."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
