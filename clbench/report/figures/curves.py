"""Lines: the average score over the tasks learned so far, loss by step, drift by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RecordError
from clbench.report.curves import average_scores
from clbench.report.figures.groups import by_method, legend, look, mean_and_half, short, titled, words
from clbench.report.subject import Subject

FAINT: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.4}

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOWS = 25  # a smoothed loss averages one part in so many of the steps


def draw_averages(figure: Figure, subjects: Sequence[Subject]) -> None:
    """A_t of each method: mean over its runs, with the 95 % interval of several."""
    ax = figure.subplots()
    for number, (label, runs) in enumerate(by_method(subjects).items()):
        places: dict[int, list[float]] = {}
        for one in runs:
            for t, value in average_scores(one.matrix):
                places.setdefault(t, []).append(value)
        if not places:
            raise RecordError(f"{label}: no run has scored all tasks learned so far after any experience")
        means = [mean_and_half(values) for values in places.values()]
        ax.plot(list(places), [mean for mean, _ in means], label=titled(label, runs), **look(number))
        for one in runs if len(runs) > 1 else ():
            points = average_scores(one.matrix)
            ax.plot([t for t, _ in points], [value for _, value in points], color=look(number)["color"], **FAINT)
        if any(half for _, half in means):
            low, high = [m - half for m, half in means], [m + half for m, half in means]
            ax.fill_between(list(places), low, high, color=look(number)["color"], alpha=0.15, linewidth=0)
    ax.set_xlabel("tasks learned")
    ax.set_ylabel("average score over them")
    ax.set_ylim(0, 1)
    legend(figure, ax)


def draw_losses(figure: Figure, subjects: Sequence[Subject]) -> None:
    """Loss by step as it was logged, faint, and smoothed; a rule where a task ends."""
    without = [one.run for one in subjects if not one.curve.steps]
    if without:
        raise RecordError(f"{without[0]}: holds no losses; name a run directory with its events.jsonl")
    ax = figure.subplots()
    for number, one in enumerate(subjects):
        style = {**look(number), "marker": None}
        label = words(f"{one.method.label}, seed {one.seed}, {one.order}")
        ax.plot(one.curve.steps, one.curve.losses, color=style["color"], **FAINT)
        ax.plot(one.curve.steps, smoothed(one.curve.losses), label=label, **style)
    orders = {tuple(one.curve.tasks) for one in subjects}
    for name, last in orders.pop() if len(orders) == 1 else ():
        ax.axvline(last, color="#999999", linewidth=0.5, linestyle=":")
        ax.text(
            last, 1.0, short(name), rotation=90, ha="right", va="top", fontsize=5, transform=ax.get_xaxis_transform()
        )
    ax.set_xlabel("optimizer step")
    ax.set_ylabel("loss (nats a token)")
    ax.set_ylim(bottom=0)
    legend(figure, ax)


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean of each value and those around it, fewer at the ends."""
    half = len(values) // WINDOWS // 2
    near = [values[max(0, place - half) : place + half + 1] for place in range(len(values))]
    return [sum(one) / len(one) for one in near]


def draw_drift(figure: Figure, subjects: Sequence[Subject]) -> None:
    """How far each block's parameters moved from the base model's."""
    blocks = {one.run: _blocks(one) for one in subjects}
    names = list(dict.fromkeys(name for found in blocks.values() for name in found))
    ax = figure.subplots()
    for number, (label, runs) in enumerate(by_method(subjects).items()):
        means = [mean_and_half([blocks[one.run].get(name, 0.0) for one in runs]) for name in names]
        halves = [half for _, half in means]
        style = {**look(number), "linestyle": "none"}
        shift = [place + 0.12 * number for place in range(len(names))]
        ax.errorbar(shift, [mean for mean, _ in means], yerr=halves, label=titled(label, runs), capsize=2, **style)
    ax.set_xticks(range(len(names)), [words(name) for name in names], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_ylabel("‖θ − θ₀‖ / ‖θ₀‖")
    ax.set_ylim(bottom=0)
    legend(figure, ax)


def _blocks(one: Subject) -> Mapping[str, float]:
    found = one.record.drift.get("blocks") if one.record else None
    blocks = found.items() if isinstance(found, Mapping) else ()
    numbers = {str(name): float(value) for name, value in blocks if isinstance(value, int | float)}
    if not numbers:
        raise RecordError(f"{one.run}: its drift was not measured block by block")
    return numbers
