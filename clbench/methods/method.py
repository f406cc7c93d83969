"""The contract of a continual-learning method: one class, every method of it optional.

A `MethodSpec` (see `methodspec`) says what a method is called and needs; a `Method` acts during a run.
Methods compose with `+`: see `compose`.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from clbench.data.example import Example
from clbench.methods.run import Run
from clbench.parallel import parts

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from clbench.data.tokenising import Encoded


class MethodOptions(BaseModel):
    """Base of a method's options, set by `-o NAME.key=value`; unknown keys are refused.

    Args:
        learning_rate: instead of the protocol's, for methods that need another one; shown in the row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a method costs beyond sequential fine-tuning; part of its row on the board.

    Args:
        extra_parameters: parameters added to the model.
        stored_examples: records kept of the past.
        stored_bytes: bytes kept between experiences: records, anchors, Fisher values, reference gradients.
        extra_passes: forward + backward passes a step, on top of one; a forward pass alone counts 1/3.
    """

    extra_parameters: int = 0
    stored_examples: int = 0
    stored_bytes: int = 0
    extra_passes: float = 0.0

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(
            self.extra_parameters + other.extra_parameters,
            self.stored_examples + other.stored_examples,
            self.stored_bytes + other.stored_bytes,
            self.extra_passes + other.extra_passes,
        )


@dataclass(frozen=True, slots=True)
class Experience:
    """One training episode.

    Args:
        index: 1 … T.
        task: name of the task (of all tasks, joined by `+`, when trained jointly).
        epochs: passes over the data.
    """

    index: int
    task: str
    epochs: int


class Method:
    """Base of all methods. Override what you need; what you do not is plain fine-tuning.

    Call order: `prepare_model`, `make_optimizer`, then for each experience `before_experience`, `training_data`,
    (for each step: `batch_data`, `own_loss` and `extra_loss` for each micro-batch, `after_backward`, `after_step`),
    `rehearsal_data` and the steps over it, `after_experience`; `evaluating` around the measurement of each task.
    """

    Options: ClassVar[type[MethodOptions]] = MethodOptions

    def __init__(self, options: MethodOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Change the model once, before row 0 is measured; the output must not change yet."""
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The optimizer over the trainable parameters, or None for the protocol's AdamW.

        Its groups' `lr` follow the protocol's schedule: set them to `run.protocol.learning_rate`.
        """
        return None

    def before_experience(self, run: Run, experience: Experience) -> None:
        """An experience begins."""

    def training_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """What is trained on in this experience; `data` are its own examples."""
        return data

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """What one optimizer step trains on; `batch` is its share of the experience's data.

        The step's loss is the mean over all answer tokens of what is returned: examples, or rows of `run.encode`, whose
        weights their tokens' losses are multiplied by. A step that gets nothing changes nothing.
        """
        return batch

    def rehearsal_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """What is trained on for one epoch more when the experience's own epochs are over; nothing by default.

        These steps use the learning rate that was reached, and do not move its schedule on.
        """
        return ()

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """A term to add to the loss of one micro-batch, as a mean; never added in evaluation.

        Args:
            run: the run.
            batch: `input_ids`, `attention_mask` (0 at padding), `labels` (-100 where there is no loss), all of shape
                (examples, tokens).
            output: with `logits` of shape (answer tokens, vocabulary), which predict the labels that are not -100, one
                example after the other; they are computed when they are asked for.
        """
        return None

    def own_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """The loss of one micro-batch instead of that over its answer tokens, as a mean over its rows; None: that.

        Args:
            run: the run, whose `rows` are the batch's.
            batch: see `extra_loss`; and `targets` (answer tokens), `weights` (examples).
            output: see `extra_loss`; and `output.likelihoods(targets)`, in nats.
        """
        return None

    def after_backward(self, run: Run) -> None:
        """The step's gradients are complete (accumulated, not yet clipped) in each parameter's `.grad`."""

    def after_step(self, run: Run) -> None:
        """The optimizer has stepped."""

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """An experience ends; the last moment to keep something of its `data`."""

    def evaluating(self, run: Run, task: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Around every measurement of `run.model`, for methods that measure other weights than they train.

        Args:
            run: the run.
            task: what is measured, where the protocol's `task_identity` is `given`; None where it is hidden, as by
                default, and for probes and looks at the whole model. A method may leave this parameter out.
        """
        return contextlib.nullcontext()

    def state_dict(self) -> dict[str, Any]:
        """All state that the method carries from step to step, of tensors and JSON values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state_dict` gave."""

    def footprint(self) -> Footprint:
        """What the method costs beyond plain fine-tuning, at present."""
        return Footprint()


@contextlib.contextmanager
def evaluating(method: Method, run: Run, task: str | None = None) -> Iterator[None]:
    """As a method's model is measured, and within that with whole weights, where each process trains a part."""
    with as_measured(method, run, task), parts.whole(run.model):
        yield


def as_measured(method: Method, run: Run, task: str | None) -> contextlib.AbstractContextManager[None]:
    """`method.evaluating`, given the task where it takes one; those written before there was any take the run alone."""
    try:
        inspect.signature(method.evaluating).bind(run, task)
    except TypeError:
        return method.evaluating(run)
    return method.evaluating(run, task)
