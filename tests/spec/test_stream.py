"""Streams: orders, variants, changes by the user, and what makes two runs comparable."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clbench.base.errors import ClbenchError, FileError, OptionError, UnknownNameError
from clbench.base.hashing import digest
from clbench.base.home import packaged
from clbench.spec.stream import PlannedProbe, Stream, resolve
from clbench.spec.task import Task
from clbench.spec.taskfiles import Catalog

TRACE = Catalog.find([packaged("tasks")]).stream("trace")
ORDER_1 = "c-stance,fomc,meetingbank,py150,scienceqa,numglue-cm,numglue-ds,20minuten"
ORDER_2 = "numglue-cm,numglue-ds,fomc,20minuten,c-stance,py150,meetingbank,scienceqa"
TASKS = {
    name: Task.model_validate({"task": name, "data": {"mini": "x", "files": "x"}, "scorers": {"strict": "exact"}})
    for name in ("toy/a", "toy/b", "toy/c")
}


def make(**changes):
    return Stream.model_validate({"stream": "toy", "tasks": list(TASKS), **changes})


def plan(stream=None, **choices):
    return resolve(stream or make(), tasks=TASKS, base_dir=Path(), **{"variant": "files", **choices})


def trace(variant="mini", **choices):
    return resolve(TRACE.stream, tasks=TRACE.tasks, base_dir=TRACE.base_dir, variant=variant, **choices)


# --- the stream that is shipped


def test_trace_has_the_variants_of_the_archive_and_the_generated_one():
    assert set(TRACE.stream.variants) == {"mini", "500", "1000", "5000", "reasoning"}
    assert TRACE.stream.variants["500"].folder == "LLM-CL-Benchmark_500"
    assert {one.source for name, one in TRACE.stream.variants.items() if name != "mini"} == {"trace"}


@pytest.mark.parametrize(("order", "names"), [(None, ORDER_1), ("order1", ORDER_1), ("order2", ORDER_2)])
def test_published_orders(order, names):
    found = trace(order=order)
    assert [task.name for task in found.tasks] == [f"trace/{name}" for name in names.split(",")]
    assert found.order == (order or "order1")


@pytest.mark.parametrize("variant", ["500", "1000", "5000", "reasoning"])
def test_archive_variants_have_the_papers_protocol(variant):
    found = trace(variant)
    assert found.epochs() == (1, 1, 5, 5, 1, 5, 5, 5)
    protocol = found.protocol
    assert (protocol.learning_rate, protocol.global_batch, protocol.betas) == (1e-5, 128, (0.9, 0.95))
    assert (protocol.schedule, protocol.reset_optimizer, protocol.weight_decay) == ("constant", False, 0.0)
    assert (found.train_examples, found.test_examples, found.label) == (None, None, f"trace:{variant}")


def test_mini_has_a_protocol_of_its_own():
    found = trace("mini")
    assert found.protocol.name != trace("500").protocol.name
    assert found.source == "mini"
    assert found.protocol.betas == (0.9, 0.95)  # what a variant does not say is the stream's


def test_reasoning_variant_has_the_tasks_reasoning_form():
    assert all(
        "reason" in task.template.prefix.casefold() or task.language == "zh" for task in trace("reasoning").tasks
    )


# --- orders


@given(st.permutations(list(TASKS)))
def test_any_permutation_can_be_listed(names):
    found = plan(order=", ".join(names))
    assert tuple(task.name for task in found.tasks) == tuple(names)
    assert found.order == "order-" + digest(names)[:6]
    assert plan(order=",".join(name.removeprefix("toy/") for name in names)) == found


def test_random_orders_are_permutations_that_every_machine_draws_alike():
    orders = [TRACE.stream.random_order(number) for number in range(20)]
    assert orders == [TRACE.stream.random_order(number) for number in range(20)]
    assert all(sorted(order) == sorted(TRACE.stream.task_names) for order in orders)
    assert len(set(orders)) == 20
    drawn = " ".join(name.removeprefix("trace/") for name in orders[1])
    assert drawn == "meetingbank py150 c-stance numglue-ds numglue-cm scienceqa fomc 20minuten"


def test_random_order_by_name():
    found = trace(order="random-3")
    assert (found.order, tuple(task.name for task in found.tasks)) == ("random-3", TRACE.stream.random_order(3))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("oder1", "no order 'oder1'; did you mean 'order1'"),
        ("random-x", "no order 'random-x'; did you mean 'random-1'"),
        ("random-²", "no order 'random-²'"),
        ("a,b", "--order must name each of the 3 tasks exactly once"),
        ("a,b,b", "--order must name each of the 3 tasks exactly once"),
        ("a,b,d", "no task 'd'"),
    ],
)
def test_what_is_no_order_is_refused(order, message):
    with pytest.raises(ClbenchError) as caught:
        plan(order=order)
    assert message in str(caught.value)


# --- variants and changes


def test_unknown_variant_is_refused():
    with pytest.raises(UnknownNameError, match=r"no variant of stream trace '5001'; did you mean .*'5000'"):
        trace("5001")


def test_changes_are_made_and_recorded():
    changes = {"stream": {"train_examples": 64}, "protocol": {"epochs": 1, "learning_rate": 1e-3}}
    found = plan(changes=changes)
    assert (found.train_examples, found.test_examples, found.epochs()) == (64, None, (1, 1, 1))
    assert found.changes == {"stream.train_examples": 64, "protocol.learning_rate": 1e-3}  # epochs were 1 before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stream": {"train_example": 3}}, "--set stream.train_example: no such key; did you mean 'train_examples'"),
        ({"stream": {"train_examples": 0}}, "--set stream.train_examples: Input should be greater than or equal to 1"),
        ({"stream": {"source": "mini"}}, "--set stream.source: no such key"),
        ({"protocol": {"epoch": 3}}, "protocol.epoch: Extra inputs are not permitted; did you mean 'epochs'?"),
        ({"protocol": {"learning_rate": -1}}, "protocol.learning_rate: Input should be greater than 0 (got -1)"),
    ],
    ids=str,
)
def test_changes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(OptionError) as caught:
        plan(changes=changes)
    assert message in str(caught.value)


def test_task_without_data_of_the_variants_source_is_refused():
    stream = make(variants={"trace": {"source": "trace"}})
    with pytest.raises(FileError, match="task 'toy/a' has no data of source 'trace'"):
        plan(stream, variant="trace")


def test_budget_that_a_task_lacks_is_refused_before_the_run():
    with pytest.raises(FileError, match="task 'toy/a' has no 'paper-ft'"):
        plan(changes={"protocol": {"epochs": "paper-ft"}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": []}, "at least one task"),
        ({"tasks": ["toy/a", "toy/a"]}, "a task stands twice"),
        ({"orders": {"other": ["toy/a", "toy/b"]}}, "orders.other: must hold each of the stream's tasks exactly once"),
        ({"variants": {"x": {"source": "mini", "protocol": {"epochs": 0}}}}, "variants.x.protocol.epochs"),
        ({"variants": {"x": {}}}, "variants.x.source"),
        ({"prefer": ["x"]}, "prefer: no variant 'x'; there is files"),
        ({"order": {}}, "order"),
    ],
    ids=str,
)
def test_inconsistent_stream_is_refused(changes, message):
    with pytest.raises(ValidationError) as caught:
        make(**changes)
    assert message in str(caught.value)


def test_numbers_as_names_of_variants_are_text():
    assert set(make(variants={500: {"source": "mini"}}).variants) == {"500"}


# --- identity


def test_order_is_no_part_of_the_identity():
    identities = [plan(order=",".join(order)).identity() for order in itertools.permutations(TASKS)]
    assert all(one == identities[0] for one in identities)


@pytest.mark.parametrize(
    "changes",
    [{"protocol": {"epochs": 2}}, {"stream": {"test_examples": 5}}, {"stream": {"train_examples": 5}}],
    ids=str,
)
def test_every_change_is_part_of_the_identity(changes):
    assert plan(changes=changes).identity() != plan().identity()


def test_tasks_are_part_of_the_identity():
    other = TASKS | {"toy/a": TASKS["toy/a"].model_copy(update={"max_new_tokens": 3})}
    assert resolve(make(), tasks=other, base_dir=Path(), variant="files").identity() != plan().identity()


# --- probes and shuffling


@pytest.mark.parametrize(
    ("schedule", "given", "measured", "expected"),
    [
        ("before-after", True, True, "x--x"),
        ("before-after", False, False, "x--x"),
        ("every", True, True, "xxxx"),
        ("every", True, False, "x---"),
        ("every", False, True, "xxxx"),
        ("every", False, False, "----"),
    ],
)
def test_rows_in_which_a_probe_is_due(schedule, given, measured, expected):
    """One that a user asks for is asked of the base model in any case: there is no change without it."""
    probe = PlannedProbe(TASKS["toy/a"], schedule=schedule, given=given)
    found = [probe.due(row, num_tasks=3, measured=measured) for row in range(4)]
    assert "".join("x" if one else "-" for one in found) == expected


def test_a_streams_own_probes_are_planned_and_its_shuffle_can_be_changed():
    variants = {"files": {"source": "files", "probes": ["toy/c"], "probe_examples": 7, "shuffle": 2}}
    stream = make(tasks=["toy/a", "toy/b"], variants=variants)
    found = plan(stream)
    assert found.probes == (PlannedProbe(TASKS["toy/c"], 7),)
    assert (found.shuffle, found.changes) == (2, {})
    other = plan(stream, changes={"stream": {"shuffle": None}})
    assert (other.shuffle, other.changes) == (None, {"stream.shuffle": None})
    assert other.identity() == found.identity(), "the data's own hash tells them apart"
    with pytest.raises(OptionError, match=r"stream\.shuffle"):
        plan(stream, changes={"stream": {"shuffle": -1}})
