"""What a method needs to begin: the model it has prepared, its `Run`, and the trainer that calls its hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.base import seeding
from clbench.methods.episodes import num_steps
from clbench.methods.method import Method, Run
from clbench.methods.weights import settle
from clbench.runs.runconfig import RunConfig
from clbench.training import runstate

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.evaluation.evaluator import Evaluator
    from clbench.models.loading import LoadedModel
    from clbench.scoring.spec import ScorerSpec
    from clbench.spec.protocol import Protocol
    from clbench.training.losses import Losses
    from clbench.training.reading import StepDone
    from clbench.training.trainer import Trainer


@dataclass(slots=True)
class Stage:
    """A method with its model, ready to learn.

    Args:
        run: what the method sees.
        trainer: the inner loop.
        losses: the loss of any examples, for memories and Fisher values.
        versions: of the parameters before the first step; what has not changed since need not be saved.
    """

    run: Run
    trainer: Trainer
    losses: Losses
    versions: dict[str, int]


def stage(
    config: RunConfig,
    *,
    method: Method,
    loaded: LoadedModel,
    protocol: Protocol,
    accelerator: Accelerator,
    evaluator: Evaluator,
    scorer: Callable[[str], ScorerSpec],
    warnings: dict[str, int],
    on_step: Callable[[StepDone], None],
    at_rest: Callable[[int], None] = lambda done: None,
) -> Stage:
    """The method takes over a base model.

    Args:
        config: of the run.
        method: to be prepared.
        loaded: the base model, which the method may wrap or change.
        protocol: with the method's own learning rate.
        accelerator: device and other processes.
        evaluator: as which the method asks its model.
        scorer: a scorer's spec by name.
        warnings: of the record.
        on_step: told of each optimizer step.
        at_rest: called when a step's changes are made.
    """
    from clbench.evaluation.answering import Trained
    from clbench.training.batching import Batching
    from clbench.training.losses import Losses
    from clbench.training.trainer import Trainer

    encoder = evaluator.encoder
    seeding.seed_global(config.seed, "prepare")  # where adapters begin
    base = list(loaded.model.parameters())
    model, device = method.prepare_model(loaded.model), accelerator.device
    if config.choice.regime != "frozen":
        settle(model, base, method=config.choice.name, protocol=protocol)

    def warn(message: str) -> None:
        warnings[message] = 1  # once, however often the run was interrupted

    batching = Batching(
        model,
        encoder.pad,
        protocol,
        config.runtime,
        device,
        padding=loaded.padding,
        sees_rows=any({"routes_prompts", "sees_rows"} & one.spec.capabilities for one in config.choice.entries),
        warn=warn,
    )
    losses = Losses(model, encoder=encoder, protocol=protocol, device=device, batching=batching, warn=warn)
    run = Run(
        seed=config.seed,
        protocol=protocol,
        num_experiences=len(config.plan.tasks),
        device=device,
        model=model,
        loss=losses.loss,
        gradients=losses.gradients,
        groups=config.plan.groups,
        warnings=warnings,
        tokenizer=encoder.tokenizer,
        answering=Trained(evaluator, losses, {task.name: task for task in config.plan.tasks}, scorer),
    )
    trainer = Trainer(
        accelerator=accelerator,
        method=method,
        run=run,
        encoder=encoder,
        protocol=protocol,
        batching=batching,
        planned_steps=_planned_steps(config),
        on_step=on_step,
        at_rest=at_rest,
        own=frozenset(one for data in config.data for one in data.train),
    )
    trainer.prepare()
    return Stage(run, trainer, losses, runstate.versions(model))


def _planned_steps(config: RunConfig) -> int:
    return num_steps(
        [len(one.train) for one in config.data],
        epochs=config.plan.epochs(),
        global_batch=config.plan.protocol.global_batch,
        regime=config.choice.regime,
    )


def with_learning_rate(protocol: Protocol, method: Method) -> Protocol:
    """The protocol with the method's own learning rate, if it has one."""
    rate = method.options.learning_rate
    return protocol if rate is None else protocol.model_copy(update={"learning_rate": rate})
