"""Which of a task's metrics a probe is scored by: one that is a mean over questions, and better when higher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from clbench.base.errors import OptionError, did_you_mean
from clbench_lm_eval.names import Asked

FIRST = ("acc", "exact_match", "f1", "em", "pass@1", "acc_norm")


class Metric(NamedTuple):
    """A key of lm-eval's results.

    Args:
        name: such as `acc`.
        filter: such as `none`, or `strict-match` of `gsm8k`.
    """

    name: str
    filter: str


def usable(task: Any) -> list[str]:
    """Metrics of one of lm-eval's tasks, in its order, whose value is the mean of what each question got."""
    from lm_eval.api.metrics import mean

    rising = task.higher_is_better()
    return [name for name, how in task.aggregation().items() if how is mean and rising.get(name) is True]


def choose(tasks: Mapping[str, Any], asked: Asked) -> Metric:
    """The metric and filter that all tasks share.

    Args:
        tasks: of lm-eval, by name.
        asked: with the user's choice, if any.

    Raises:
        OptionError: there is none, or not the one that is wanted; with those that there are.
    """
    names = _shared(usable(task) for task in tasks.values())
    every = sorted({name for task in tasks.values() for name in task.aggregation()})
    where = "no metric" if len(tasks) == 1 else "no metric that all its tasks share"
    if not names:
        raise OptionError(
            f"{asked.option}: has {where} that is a mean over questions from 0 to 1, and a probe needs one; "
            f"its metrics: {', '.join(every) or 'none'}"
        )
    if asked.metric and asked.metric not in names:
        why = (
            "is no mean over its questions that rises with quality"
            if asked.metric in every
            else "is none of its metrics"
        )
        raise OptionError(f"{asked.option}: {asked.metric!r} {why}; there is {', '.join(names)}")
    filters = _shared([one.name for one in task._filters] for task in tasks.values())
    if not filters or (asked.filter and asked.filter not in filters):
        raise OptionError(
            f"{asked.option}: no filter {asked.filter!r} in all its tasks{did_you_mean(asked.filter, filters)}"
        )
    preferred = [name for name in FIRST if name in names]
    return Metric(asked.metric or (preferred or names)[0], asked.filter or filters[0])


def _shared(lists: Iterable[list[str]]) -> list[str]:
    """What is in all lists, in the order of the first."""
    first, *others = lists
    return [name for name in first if all(name in other for other in others)]


def weighs_tasks_alike(group: Any, metric: Metric) -> bool:
    """Whether lm-eval's number of a group is a mean over its tasks, whatever their sizes."""
    return any(one.metric == metric.name and not one.weight_by_size for one in group.aggregate_metric_list or ())
