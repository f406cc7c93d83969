"""`osf`: orthogonal subspace fine-tuning, with peft's layers and a new decomposition for each task.

W = U_h S_h V_h + U_l S_l V_l. The large singular directions (h) are frozen, the small ones trained, and gradients of
U_l and V_l are projected off U_h and V_h. peft decomposes once; what a task learned is protected only if it is folded
into W and W decomposed again, which peft leaves to its caller and this method does after each task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench.base.errors import OptionError
from clbench_peft.inject import (
    ADAPTER,
    adapted_layers,
    base_weight,
    forget_moments,
    make_config,
    tied_layers,
)
from clbench_peft.method import Adapter
from clbench_peft.targets import Targets, all_linear

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=1, strict=True)]  # strict, or 1.0 would be one direction
_FROZEN = ("_osf_U_low_init", "_osf_S_low_init", "_osf_V_low_init", "_osf_U_high", "_osf_V_high")


class OsfOptions(MethodOptions):
    """Options of `osf`.

    Args:
        frozen: singular directions of each weight that are frozen: a share (0–1) of the smaller dimension, or a number
            (peft's `effective_rank`). The others are trained.
        targets: names of the layers, or `all-linear`: every linear layer but the head. Where they are not set, all
            linear layers of the blocks.
    """

    frozen: Number | Share = 0.5
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


@final
class Osf(Adapter):
    """Full weights, trained in their small singular directions."""

    Options: ClassVar[type[MethodOptions]] = OsfOptions
    options: OsfOptions
    label = "osf"

    def __init__(self, options: OsfOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, Any] = {}

    def targets(self, model: PreTrainedModel) -> Targets:
        """As the options say; what was not set is all linear layers of the model's blocks."""
        targets = self.options.targets
        if "targets" in self.options.model_fields_set:
            return Targets(targets if isinstance(targets, str) else list(targets))
        return Targets(all_linear(model).modules)

    def config(self, model: PreTrainedModel, targets: Targets) -> PeftConfig:
        """An OSFConfig."""
        return make_config("OSF", {"effective_rank": self.options.frozen, "target_modules": targets.modules})

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Decompose every targeted weight.

        Raises:
            OptionError: the targets do not fit the model, or nothing is left to train.
        """
        model = super().prepare_model(model)
        self._layers = adapted_layers(model)
        full = [name for name, layer in self._layers.items() if not layer.osf_svd_params[ADAPTER]["S_low"].numel()]
        if full:
            raise OptionError(f"-o osf.frozen: {self.options.frozen} leaves nothing of {full[0]} to train")
        if tied := tied_layers(model, self._layers):
            raise OptionError(f"-o osf.targets: the weight of {tied[0]} is another layer's too")
        return model

    @torch.no_grad()
    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Fold what was learned into W, and decompose W anew (also the last time, so that W's drift is measured).

        The parameters are the same objects, so the optimizer keeps training them; their moments are forgotten.
        """
        for layer in self._layers.values():
            base_weight(layer).add_(layer.get_delta_weight(ADAPTER))
            decompose(layer)
            forget_moments(run.optimizer, list(layer.osf_svd_params[ADAPTER].values()))

    def state_dict(self) -> dict[str, Any]:
        """The frozen factors, which peft keeps out of the model's own state."""
        return {"frozen": {name: dict(_frozen(layer)) for name, layer in self._layers.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        for name, layer in self._layers.items():
            for factor, buffer in _frozen(layer):
                buffer.copy_(state["frozen"][name][factor])

    def footprint(self) -> Footprint:
        """The trained factors, and the frozen ones."""
        frozen = sum(buffer.nbytes for layer in self._layers.values() for _, buffer in _frozen(layer))
        return Footprint(extra_parameters=self._added, stored_bytes=frozen)


def decompose(layer: Any) -> None:
    """Put the factors of the layer's weight in the place of its old ones, in every tensor that peft keeps of them."""
    from peft.tuners.osf.utils import decompose_weight_matrix

    factors = decompose_weight_matrix(base_weight(layer), top_k=layer.effective_rank[ADAPTER])
    for name, parameter in layer.osf_svd_params[ADAPTER].items():
        parameter.data.copy_(factors[name])
    for name, buffer in _frozen(layer):
        buffer.copy_(factors[name.removeprefix("_osf_").removesuffix("_init")])


def _frozen(layer: Any) -> list[tuple[str, torch.Tensor]]:
    """Its buffers, by peft's name; the large factors are kept only where they are not square's complement."""
    return [(name, getattr(layer, name)[ADAPTER]) for name in _FROZEN if ADAPTER in getattr(layer, name)]
