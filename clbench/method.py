"""The contract of a continual-learning method: one class, every method of it optional.

A `MethodSpec` says what a method is called and needs before anything is imported; a `Method` acts during a run.
Methods compose with `+`: see `compose`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clbench import API_VERSION, seeding
from clbench.data.example import Example
from clbench.errors import OptionError, PluginError, did_you_mean, pydantic_line

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from clbench.protocol import Protocol

Capability = Literal[
    "changes_model",  # replaces or adds modules (LoRA, LoRAMoE)
    "owns_optimizer",  # brings its own optimizer (MoFO)
    "edits_gradients",  # between backward and step (GEM)
    "adds_loss",  # a term of its own (EWC, LwF)
    "edits_data",  # changes what is trained on (replay)
    "stores_examples",  # keeps records of the past
    "extra_backward",  # further passes each step
    "sharded_ok",  # exact when parameters or gradients are sharded
]

Regime = Literal["sequential", "joint", "single", "frozen"]
"""How experiences reach the model: one after the other; all at once; each from the base model; not at all."""


class MethodOptions(BaseModel):
    """Base of a method's options, set by `-o NAME.key=value`; unknown keys are refused.

    Args:
        learning_rate: instead of the protocol's, for methods that need another one; shown in the row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What is known of a method before it is imported.

    Args:
        name: as in `--plugin NAME`: lower case, digits, hyphens.
        target: `module:Class`, imported only when the method is chosen.
        summary: one line.
        capabilities: what it touches and needs; `compose` refuses pairs that cannot go together.
        regime: how experiences reach the model.
        source: paper.
        requires_api: the contract's version it was written for.
    """

    name: str
    target: str
    summary: str
    capabilities: frozenset[Capability] = frozenset()
    regime: Regime = "sequential"
    source: str = ""
    requires_api: int = API_VERSION

    def problem(self) -> str:
        """Why this spec cannot be used, or the empty string."""
        if not self.name or self.name != self.name.casefold() or not self.name.replace("-", "").isalnum():
            return f"the method name {self.name!r} must be lower-case letters, digits and hyphens"
        if self.requires_api != API_VERSION:
            return f"method {self.name!r} needs plugin API {self.requires_api}; this clbench has {API_VERSION}"
        unknown = self.capabilities - set(get_args(Capability))
        return f"method {self.name!r} declares the unknown capability {min(unknown)!r}" if unknown else ""

    def load(self) -> type[Method]:
        """Import the class.

        Raises:
            PluginError: the target cannot be imported or is no Method.
        """
        module, _, attribute = self.target.partition(":")
        try:
            target = getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise PluginError(f"method {self.name!r}: {self.target} cannot be imported: {error!r}") from error
        if not (isinstance(target, type) and issubclass(target, Method)):
            raise PluginError(f"method {self.name!r}: {self.target} is not a subclass of clbench.Method")
        return target

    def create(self, options: Mapping[str, Any] | None = None) -> Method:
        """The method with its options.

        Raises:
            OptionError: an option that is unknown or out of range.
        """
        target = self.load()
        try:
            return target(target.Options.model_validate(dict(options or {})))
        except ValidationError as error:
            unknown = [str(item["loc"][0]) for item in error.errors() if item["type"] == "extra_forbidden"]
            hint = did_you_mean(unknown[0], target.Options.model_fields) if unknown else ""
            raise OptionError(f"-o {self.name}.{pydantic_line(error)}{hint}") from error


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


@dataclass(slots=True)
class Run:
    """What a method may see of the run it takes part in.

    Args:
        seed: the run's.
        protocol: how the stream is trained; `learning_rate` is the one that this method trains with.
        num_experiences: T.
        device: of the model.
        model: the causal LM being trained (after `prepare_model`).
        loss: mean answer-token loss of some examples under the present model, with its graph; for memories and Fisher
            values. It is the training loss: `loss(batch examples)` equals what the loop minimises.
        optimizer: set before the first experience.
        experience: the present one.
        step: optimizer steps so far, over all experiences.
        notes: what methods put into the record: see `note`.
        warnings: counted warnings of the record.
    """

    seed: int
    protocol: Protocol
    num_experiences: int
    device: torch.device
    model: PreTrainedModel
    loss: Callable[[Sequence[Example]], torch.Tensor]
    optimizer: Optimizer | None = None
    experience: Experience | None = None
    step: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)

    def rng(self, name: str, *more: str | int) -> random.Random:
        """A generator for one named use, begun anew at each call; begin the name with the method's own."""
        return seeding.rng(self.seed, "method", name, *more)

    def torch_rng(self, name: str, *more: str | int, device: str | torch.device = "cpu") -> torch.Generator:
        """As `rng`, torch's."""
        return seeding.torch_rng(self.seed, "method", name, *more, device=device)

    def note(self, name: str, value: Any) -> None:
        """Put a JSON value into the record under `method_notes`."""
        self.notes[name] = value

    def warn(self, message: str) -> None:
        """Count a warning in the record; nothing is skipped silently."""
        self.warnings[message] = self.warnings.get(message, 0) + 1


class Method:
    """Base of all methods. Override what you need; what you do not is plain fine-tuning.

    Call order: `prepare_model`, `make_optimizer`, then for each experience `before_experience`, `training_data`,
    (for each step: `extra_loss` for each micro-batch, `after_backward`, `after_step`), `after_experience`.
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

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """A term to add to the loss of one micro-batch, as a mean; never added in evaluation.

        Args:
            run: the run.
            batch: `input_ids`, `attention_mask`, `labels` of shape (examples, tokens); -100 marks tokens without loss.
            output: the model's, with `logits` of shape (examples, tokens, vocabulary).
        """
        return None

    def after_backward(self, run: Run) -> None:
        """The step's gradients are complete (accumulated, not yet clipped) in each parameter's `.grad`."""

    def after_step(self, run: Run) -> None:
        """The optimizer has stepped."""

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """An experience ends; the last moment to keep something of its `data`."""

    def state_dict(self) -> dict[str, Any]:
        """All state that the method carries from step to step, of tensors and JSON values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state_dict` gave."""

    def footprint(self) -> Footprint:
        """What the method costs beyond plain fine-tuning, at present."""
        return Footprint()
