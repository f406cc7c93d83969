"""The protocol: what it allows, and whose epochs it counts."""

import pytest
import yaml
from pydantic import ValidationError

from clbench.base.errors import FileError
from clbench.base.home import packaged
from clbench.spec.protocol import Protocol, Runtime
from clbench.spec.task import Task
from clbench.spec.taskfiles import Catalog

TASK = Task.model_validate(
    {"task": "toy/a", "data": {"mini": "a"}, "scorers": {"strict": "exact"}, "budgets": {"paper-ft": 5, "script": 7}}
)


@pytest.mark.parametrize(
    ("epochs", "number"), [(3, 3), ("paper-ft", 5), ("script", 7), ({"toy/a": 2, "toy/b": 9}, 2)], ids=str
)
def test_epochs_of_a_task(epochs, number):
    assert Protocol(epochs=epochs).epochs_of(TASK) == number


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ("paper-tf", "task 'toy/a' has no 'paper-tf'; did you mean 'paper-ft'?"),
        ({"toy/b": 1}, "task 'toy/a' has no 'toy/a'; did you mean 'toy/b'?"),
    ],
    ids=str,
)
def test_budget_that_a_task_does_not_have_is_refused(epochs, message):
    with pytest.raises(FileError) as caught:
        Protocol(epochs=epochs).epochs_of(TASK)
    assert str(caught.value) == f"protocol.epochs: {message}"


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [
        ("paper-ft", (1, 1, 5, 5, 1, 5, 5, 5)),
        ("paper-lora", (5, 3, 7, 5, 3, 5, 5, 7)),
        ("script", (5, 3, 7, 5, 3, 5, 5, 7)),
    ],
)
def test_published_budgets_of_trace_in_its_order(budget, epochs):
    loaded = Catalog.find([packaged("tasks")]).stream("trace")
    protocol = Protocol(epochs=budget)
    assert tuple(protocol.epochs_of(loaded.tasks[name]) for name in loaded.stream.task_names) == epochs


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", 11),
        ("epochs", 0),
        ("epochs", 1001),
        ("global_batch", 0),
        ("betas", [0.9, 1.0]),
        ("betas", [0.9]),
        ("eps", 0),
        ("weight_decay", -0.1),
        ("max_grad_norm", 0),
        ("schedule", "linear"),
        ("warmup_ratio", 1),
        ("precision", "fp16"),
        ("max_prompt_tokens", 1),
        ("max_answer_tokens", 0),
        ("evaluate", "never"),
        ("decoding", "sample"),
        ("scorer", "kind"),
        ("name", "no version"),
        ("lr", 1e-3),
    ],
)
def test_value_out_of_range_is_refused(key, value):
    with pytest.raises(ValidationError):
        Protocol.model_validate({key: value})


@pytest.mark.parametrize(("key", "value"), [("micro_batch", 0), ("eval_batch", 0), ("device", "tpu"), ("batch", 1)])
def test_runtime_out_of_range_is_refused(key, value):
    with pytest.raises(ValidationError):
        Runtime.model_validate({key: value})


def test_protocol_cannot_be_changed():
    with pytest.raises(ValidationError):
        Protocol().epochs = 3


@pytest.mark.parametrize("text", ["on", "off", "auto"])
def test_a_switch_is_what_was_written(text):
    """As a user writes it, on the command line and in a file: YAML makes `on` true."""
    assert Runtime(packing=yaml.safe_load(text)).packing == text


def test_a_switch_takes_no_other_value():
    for wrong in ("yes please", [1], 1):
        with pytest.raises(ValidationError, match="packing"):
            Runtime(packing=wrong)
