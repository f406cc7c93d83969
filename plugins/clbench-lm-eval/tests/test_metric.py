"""Which metric is taken, and what is said when none can be."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clbench.base.errors import OptionError
from clbench_lm_eval.guard import quiet
from clbench_lm_eval.metric import Metric, choose, weighs_tasks_alike
from clbench_lm_eval.names import parse


def task(*, means=(), others=(), falls=(), filters=("none",)):
    with quiet():
        from lm_eval.api.metrics import mean, median
    return SimpleNamespace(
        aggregation=lambda: dict.fromkeys(others, median) | dict.fromkeys((*falls, *means), mean),
        higher_is_better=lambda: dict.fromkeys((*means, *others), True) | dict.fromkeys(falls, False),
        _filters=[SimpleNamespace(name=name) for name in filters],
    )


@pytest.mark.parametrize(
    ("made", "text", "metric"),
    [
        ({"means": ("acc_norm", "f1", "acc")}, "one", ("acc", "none")),
        ({"means": ("own", "acc_norm")}, "one", ("acc_norm", "none")),
        ({"means": ("own", "other"), "others": ("acc",)}, "one", ("own", "none")),
        ({"means": ("own", "acc")}, "one@own", ("own", "none")),
        ({"means": ("f1",), "filters": ("strict", "flexible")}, "one", ("f1", "strict")),
        ({"means": ("f1",), "filters": ("strict", "flexible")}, "one@f1,flexible", ("f1", "flexible")),
    ],
)
def test_choice(made, text, metric):
    assert choose({"one": task(**made)}, parse(text)) == metric


def test_a_group_takes_what_its_tasks_share():
    group = {"a": task(means=("acc", "f1"), filters=("x", "y")), "b": task(means=("own", "f1"), filters=("y",))}
    assert choose(group, parse("both")) == ("f1", "y")
    with pytest.raises(OptionError, match=r"no metric that all its tasks share.*its metrics: acc, own"):
        choose({"a": task(means=("acc",)), "b": task(means=("own",))}, parse("both"))


@pytest.mark.parametrize(
    ("made", "text", "message"),
    [
        ({"falls": ("brier",), "others": ("bleu",)}, "one", "no metric that is a mean.*its metrics: bleu, brier"),
        ({"means": ("acc",), "others": ("mcc",)}, "one@mcc", "'mcc' is no mean over its questions.*; there is acc"),
        ({"means": ("acc", "own")}, "one@f1", "'f1' is none of its metrics; there is acc, own"),
        ({"means": ("acc",), "filters": ("strict",)}, "one@acc,strct", "no filter 'strct'.*did you mean 'strict'"),
    ],
)
def test_refusals(made, text, message):
    with pytest.raises(OptionError, match=message):
        choose({"one": task(**made)}, parse(text))


def test_weights_of_groups():
    listed = [SimpleNamespace(metric="acc", weight_by_size=False), SimpleNamespace(metric="f1", weight_by_size=True)]
    group = SimpleNamespace(aggregate_metric_list=listed)
    assert weighs_tasks_alike(group, Metric("acc", "none"))
    assert not weighs_tasks_alike(group, Metric("f1", "none"))
    assert not weighs_tasks_alike(SimpleNamespace(aggregate_metric_list=None), Metric("acc", "none"))
