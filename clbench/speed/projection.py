"""How long the whole of TRACE would take, from what was measured of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from clbench.speed.figure import Figure
from clbench.speed.lengths import TRACE

if TYPE_CHECKING:
    from clbench.spec.task import Task

BUDGET, VARIANT = "paper-ft", "5000"
WHAT = "TRACE with full fine-tuning and all its evaluation"


class Work(NamedTuple):
    """Tokens that are trained on, and tokens of answers: each test set is asked after every task from its own on."""

    trained: float
    answered: float


def work(tasks: Mapping[str, Task]) -> Work:
    """By the records' mean lengths and the paper's epochs.

    Args:
        tasks: TRACE's, in their order.
    """
    trained = answered = 0.0
    for place, (name, task) in enumerate(tasks.items()):
        sizes, lengths = task.rows[VARIANT], TRACE[name]
        trained += task.budgets[BUDGET] * sizes["train"] * lengths.mean_tokens
        answered += (len(tasks) - place) * sizes["test"] * lengths.mean_answer
    return Work(trained, answered)


def project(whole: Work, *, training: Figure, answering: Figure) -> Figure:
    """Hours, where both rates were measured.

    Args:
        whole: of TRACE.
        training: tokens a second of a shape.
        answering: answers' tokens a second of the same.
    """
    if not (training.value and answering.value):
        return Figure("projection", training.shape, WHAT, None, "h", note="unmeasured, as its parts are")
    hours = whole.trained / training.value / 3600, whole.answered / answering.value / 3600
    note = f"training {hours[0]:.3g} h, answers {hours[1]:.3g} h; the prompts' share as where it was measured"
    return Figure("projection", training.shape, WHAT, sum(hours), "h", note=note)
