"""A method on a model of a shape, ready to be timed: as a run would begin it, but for the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.data.tokenising import Encoded, make_encoder
from clbench.engine.request import Request
from clbench.engine.session import prepare
from clbench.engine.staging import Stage, stage
from clbench.evaluation.evaluator import Evaluator
from clbench.methods.method import Experience
from clbench.models.bearing import packed
from clbench.models.bearing.padding import Padding
from clbench.models.loading import LoadedModel, load_tokenizer
from clbench.plugins.registry import Registry
from clbench.speed import lengths, shapes

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.methods.method import Method
    from clbench.runs.runconfig import RunConfig

PAST = 3  # tasks that a method has learned before it is timed, for those that remember
RECORDS = 16  # of each of them
STREAM = {"train_examples": RECORDS, "test_examples": 1, "probe_examples": 1}


@dataclass(slots=True)
class Subject:
    """One method.

    Args:
        shape: of its model.
        config: of the run that it could be.
        method: ready.
        stage: its model, what it sees, its trainer.
        evaluator: as which it is asked.
        warnings: what it had to say.
    """

    shape: shapes.Shape
    config: RunConfig
    method: Method
    stage: Stage
    evaluator: Evaluator
    warnings: dict[str, int] = field(default_factory=dict)

    @property
    def model(self) -> Any:
        """As the method has made it."""
        return self.stage.run.model

    def steps(self, number: int) -> list[list[Encoded]]:
        """A batch of each of TRACE's tasks, of so many records of their lengths."""
        return lengths.steps(number, vocabulary=self.shape.vocabulary, end=self.evaluator.encoder.end)

    def train(self, steps: Sequence[Sequence[Encoded]]) -> None:
        """One optimizer step on each batch."""
        for batch in steps:
            self.stage.trainer.step(batch, rate=self.stage.run.protocol.learning_rate)


def take(
    name: str, shape: shapes.Shape, *, accelerator: Accelerator, registry: Registry, settings: dict[str, Any]
) -> Subject:
    """A method that has some past tasks behind it and begins its next one.

    Args:
        name: of the method.
        shape: of the model.
        accelerator: device.
        registry: of methods.
        settings: such as `{"runtime": {"micro_batch": 4}}`.
    """
    request = Request.of(stream="trace:mini", plugin=name, settings={"stream": STREAM, **settings}, probe="none")
    (config,) = prepare(request, registry)
    protocol, tokenizer = config.plan.protocol, load_tokenizer(config.model)
    encoder = make_encoder(tokenizer, protocol)
    model = shapes.build(shape, device=accelerator.device, end=encoder.end, pad=encoder.pad)
    evaluator = Evaluator(accelerator, encoder, protocol, config.runtime)
    method, warnings = config.choice.create(config.options), {}
    made = stage(
        config,
        method=method,
        loaded=LoadedModel(model, tokenizer, padding=Padding(packing=packed.ANY)),  # of Llama's shapes
        protocol=protocol,
        accelerator=accelerator,
        evaluator=evaluator,
        scorer=registry.scorer,
        warnings=warnings,
        on_step=lambda step: None,
    )
    subject = Subject(shape, config, method, made, evaluator, warnings)
    _learn_the_past(subject)
    return subject


def _learn_the_past(subject: Subject) -> None:
    """The hooks of some tasks without their steps: memories, references and adapters are as large as after them."""
    run, method = subject.stage.run, subject.method
    for index, data in enumerate(subject.config.data[: PAST + 1], start=1):
        run.experience = Experience(index=index, task=data.task.name, epochs=1)
        run.records = frozenset((one.prompt, one.answer) for one in data.train)
        method.before_experience(run, run.experience)
        method.training_data(run, run.experience, data.train)
        if index <= PAST:
            method.after_experience(run, run.experience, data.train)
    subject.stage.trainer.forward_model.train()
