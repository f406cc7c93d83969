"""TRACE's hours are its tokens over the rates."""

import pytest

from clbench.plugins.registry import registry
from clbench.speed.figure import Figure
from clbench.speed.lengths import TRACE
from clbench.speed.projection import project, work


def figure(part, value):
    return Figure(part, "tinyllama", "", value, "tokens/s")


def test_work_is_epochs_times_records_and_each_test_set_from_its_task_on():
    tasks = registry().catalog().stream("trace").tasks
    whole = work({name: tasks[name] for name in TRACE})
    epochs = (1, 1, 5, 5, 1, 5, 5, 5)  # the paper's, of full fine-tuning
    tests = (2000, 496, 692, 2000, 2000, 81, 325, 200)
    assert whole.trained == pytest.approx(
        sum(5000 * n * one.mean_tokens for n, one in zip(epochs, TRACE.values(), strict=True))
    )
    visits = [(8 - place) * size for place, size in enumerate(tests)]
    assert sum(visits) == 42_717  # generations, as the benchmark's full triangle has them
    assert whole.answered == pytest.approx(
        sum(n * one.mean_answer for n, one in zip(visits, TRACE.values(), strict=True))
    )


def test_hours_are_the_sum_of_both():
    tasks = registry().catalog().stream("trace").tasks
    whole = work({name: tasks[name] for name in TRACE})
    found = project(whole, training=figure("training", whole.trained / 3600), answering=figure("answering", 1e30))
    assert found.value == pytest.approx(1.0)
    assert (found.shape, found.unit) == ("tinyllama", "h")


def test_what_was_not_measured_is_not_projected():
    tasks = registry().catalog().stream("trace").tasks
    whole = work({name: tasks[name] for name in TRACE})
    found = project(whole, training=figure("training", 5.0), answering=figure("answering", None))
    assert found.value is None
    assert "unmeasured" in found.note
