"""`olora`: O-LoRA, a low-rank adapter a task whose input directions are kept orthogonal to the tasks' before.

Its authors keep a second, frozen adapter (A_past, B_past) beside the trained one. Here a finished task's update is
added to the layer's weight, which is the same function; of it only A is kept, for the penalty. (peft's initialisation
`olora` is something else.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench_peft.inject import ADAPTER, base_weight, begin_anew, layers_beside_weights
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.penalty import by_shape, norms, overlap
from clbench_peft.targets import hint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class OloraOptions(LoraOptions):
    """Options of `olora`, beside those of `lora`.

    Args:
        orthogonality: λ₁ of λ₁ Σ|A_past A_newᵀ|. The authors: 0.5, with the learning rate 1e-3.
        shrinkage: λ₂ of λ₂ Σ‖·‖₂ over the new A and B. The authors: 0, and 0.1 from task 5 on in their long order.
    """

    orthogonality: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    shrinkage: float = Field(default=0.0, ge=0, allow_inf_nan=False)


@final
class Olora(Lora):
    """W + Σ_past (α/r)·BA + (α/r)·B_new A_new; loss + λ₁ Σ|A_past A_newᵀ| + λ₂ Σ‖·‖₂."""

    Options: ClassVar[type[MethodOptions]] = OloraOptions
    options: OloraOptions
    label = "olora"

    def __init__(self, options: OloraOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, Any] = {}
        self._past: list[torch.Tensor] = []  # a tensor a group of layers: (layers, past ranks, inputs)
        self._groups: list[list[str]] = []

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject, and list the layers once: no step walks over the model.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        instead = hint(model)
        model = super().prepare_model(model)
        self._layers = layers_beside_weights(model, method="olora", instead=instead)
        self._groups = by_shape(list(self._layers), {name: self._a(name) for name in self._layers})
        return model

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """Both penalties, in fp32. They do not depend on the batch, so micro-batches change nothing."""
        options, terms = self.options, []
        with torch.autocast(run.device.type, enabled=False):
            if options.orthogonality and self._past:
                pairs = zip(self._placed(run), self._groups, strict=True)
                terms += [
                    options.orthogonality * overlap(past, [self._a(one) for one in group]) for past, group in pairs
                ]
            if options.shrinkage:
                matrices = {
                    f"{one}.{side}": w for one in self._layers for side, w in zip("AB", self._ab(one), strict=True)
                }
                groups = by_shape(list(matrices), matrices)
                terms += [options.shrinkage * norms([matrices[one] for one in group]) for group in groups]
        return sum(terms[1:], start=terms[0]) if terms else None

    @torch.no_grad()
    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Fold the adapter into the weights, and begin a new one in its place. The last task's stays as it is.

        The parameters are the same objects, so the optimizer keeps training them; their moments are forgotten.
        """
        if experience.index == run.num_experiences:
            return
        ended = [torch.stack([self._a(name) for name in group]) for group in self._groups]
        self._past = (
            [torch.cat(pair, dim=1) for pair in zip(self._placed(run), ended, strict=True)] if self._past else ended
        )
        generator = run.torch_rng("olora.init", experience.index)
        for layer in self._layers.values():
            base_weight(layer).add_(layer.get_delta_weight(ADAPTER))
        begin_anew(self._layers.values(), generator=generator, optimizer=run.optimizer)

    def _placed(self, run: Run) -> list[torch.Tensor]:
        """The tasks' A on the model's device; a checkpoint leaves them on the CPU."""
        self._past = [past.to(run.device) for past in self._past]
        return self._past

    def _a(self, name: str) -> torch.nn.Parameter:
        return self._layers[name].lora_A[ADAPTER].weight

    def _ab(self, name: str) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
        return self._a(name), self._layers[name].lora_B[ADAPTER].weight

    def state_dict(self) -> dict[str, Any]:
        """The tasks' A, by groups of layers; the folded updates are in the model's weights."""
        return {"past": [past.clone() for past in self._past]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._past = list(state["past"])

    def footprint(self) -> Footprint:
        """The adapter, and the tasks' A."""
        return Footprint(extra_parameters=self._added, stored_bytes=sum(past.nbytes for past in self._past))
