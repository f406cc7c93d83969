"""clbench's own methods, scorers, summaries and task files, registered as any plugin's are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clbench.base.home import packaged
from clbench.methods.methodspec import MethodSpec
from clbench.metrics.summaries import SUMMARIES, SummarySpec
from clbench.plugins.hookspecs import hookimpl
from clbench.scoring import SCORERS
from clbench.scoring.spec import ScorerSpec


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """Plain fine-tuning and its bounds."""
    yield MethodSpec(
        name="sequential",
        target="clbench.methods.sequential:Sequential",
        summary="full fine-tuning, task after task: the baseline",
    )
    yield MethodSpec(
        name="joint",
        target="clbench.methods.joint:Joint",
        summary="one training on all tasks at once: an upper bound",
        regime="joint",
    )
    yield MethodSpec(
        name="single",
        target="clbench.methods.single:Single",
        summary="each task from the base model, on its own: an upper bound for learning",
        regime="single",
    )
    yield MethodSpec(
        name="frozen",
        target="clbench.methods.frozen:Frozen",
        summary="the base model, never trained: the lower bound",
        regime="frozen",
    )


@hookimpl
def clbench_task_dirs() -> Iterable[Path]:
    """The folder `tasks/`."""
    yield packaged("tasks")


@hookimpl
def clbench_metrics() -> Iterable[ScorerSpec]:
    """The scorers of `clbench.scoring`."""
    return SCORERS.values()


@hookimpl
def clbench_summaries() -> Iterable[SummarySpec]:
    """The summaries of `clbench.metrics.summaries`."""
    return SUMMARIES
