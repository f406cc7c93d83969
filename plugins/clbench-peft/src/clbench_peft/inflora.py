"""`inflora`: a low-rank adapter a task that cannot touch what past tasks use (InfLoRA, CVPR 2024, arXiv 2404.00228).

    W_t = W_{t−1} + B_t A_t;   only B_t is trained; A_t's rows: the task's strongest input directions off the past's

A step on B alone moves W within the span of A's rows (the paper's proposition 1), so with A M = 0 outputs for inputs in
the span of M stay what they were, whatever the optimizer. A is designed from the task's inputs before it is learned, M
takes in its inputs after it (`subspace`), and the adapter is folded into W. In the paper A and B have changed places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench_peft.features import covariances
from clbench_peft.inject import ADAPTER, base_weight, forget_moments, layers_beside_weights
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.passes import Passes
from clbench_peft.subspace import Subspace, designed
from clbench_peft.targets import hint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class InfloraOptions(LoraOptions):
    """Options of `inflora`; the authors' settings, which go with the learning rate 5e-4.

    Args:
        rank: r of the update (α/r)·BA.
        alpha: α; as large as the rank, so that nothing is scaled.
        dropout: of the adapter's input, 0–1.
        targets: see `LoraOptions`; by default keys and values.
        threshold: ε after the first task: share (0–1) of a task's inputs, as a squared norm, that the past covers.
        final_threshold: what ε grows to, in equal parts a task.
    """

    rank: int = Field(default=10, ge=1)
    alpha: int = Field(default=10, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    targets: Literal["all-linear"] | tuple[str, ...] = ("k_proj", "v_proj")
    threshold: float = Field(default=0.98, gt=0, le=1, allow_inf_nan=False)
    final_threshold: float = Field(default=1.0, gt=0, le=1, allow_inf_nan=False)


@final
class Inflora(Lora):
    """Trains B; designs A."""

    Options: ClassVar[type[MethodOptions]] = InfloraOptions
    options: InfloraOptions
    label = "inflora"

    def __init__(self, options: InfloraOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, Any] = {}
        self._past: dict[str, Subspace] = {}
        self._passes = Passes()  # read for covariances

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject, with A frozen.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        instead = hint(model)
        model = super().prepare_model(model)
        self._layers = layers_beside_weights(model, method="inflora", instead=instead)
        for name, layer in self._layers.items():
            a = layer.lora_A[ADAPTER].weight.requires_grad_(False)
            self._past[name] = Subspace(torch.empty(a.shape[1], 0))
        return model

    def training_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """Design A from the inputs that the new task brings."""
        left = []
        with torch.no_grad():
            for name, covariance in self._covariances(run, data).items():
                a = designed(covariance, self._past[name], self.options.rank)
                self._layers[name].lora_A[ADAPTER].weight.copy_(a)
                left.append(int((a.norm(dim=1) > 0).sum()))
        if min(left, default=self.options.rank) < self.options.rank:
            run.warn(f"inflora: {experience.task}: in some layers fewer than {self.options.rank} directions are free")
        return data

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """As it is; counted."""
        self._passes.trained += len(batch)
        return batch

    @torch.no_grad()
    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """The past takes in the task's inputs; the adapter is folded into the weights. The last task's stays."""
        options = self.options
        grown = (options.final_threshold - options.threshold) * (experience.index - 1) / run.num_experiences
        for name, covariance in self._covariances(run, data).items():
            self._past[name].learn(covariance, threshold=options.threshold + grown)
        for layer in self._layers.values() if experience.index < run.num_experiences else ():
            base_weight(layer).add_(layer.get_delta_weight(ADAPTER))
            layer.lora_B[ADAPTER].weight.zero_()
            forget_moments(run.optimizer, [layer.lora_B[ADAPTER].weight])
        shares = [one.past / len(one.basis) for one in self._past.values()]
        run.note("inflora", {**self._adapted, "directions_of_the_past": round(sum(shares) / len(shares), 4)})

    def _covariances(self, run: Run, data: Sequence[Example]) -> dict[str, torch.Tensor]:
        self._passes.look(len(data))
        return covariances(run, run.encode(data, [one.answer for one in data]), self._layers)

    def state_dict(self) -> dict[str, Any]:
        """Each layer's basis, and counts; the folded updates are in the model's weights."""
        kept = {name: {"basis": one.basis, "free": one.free} for name, one in self._past.items()}
        return {"past": kept, "passes": self._passes.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._past = {name: Subspace(one["basis"], free=one["free"]) for name, one in state["past"].items()}
        self._passes = Passes.of(state["passes"])

    def footprint(self) -> Footprint:
        """The adapter; the bases; two looks at each task's data."""
        return Footprint(
            extra_parameters=self._added,
            stored_bytes=sum(one.basis.nbytes for one in self._past.values()),
            extra_passes=self._passes.extra,
        )
