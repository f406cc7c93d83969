"""`absa-cl`: an adapter a task, kept orthogonal to a shared one, and selected by the prompt (arXiv 2405.05496).

    L + λ₁ Σ|A_t A_sᵀ| + λ₂ (‖A_t‖² + ‖B_t‖²)               task t's adapter, over layers; A_s of the shared adapter
    t(x) = argmin_t (h(x) − μ_t)ᵀ Σ⁻¹ (h(x) − μ_t)          as `epi` chooses (`clbench_peft.router`), at the last token

The shared adapter is trained when a task is over, in the place of the task's, on a few records of every task so far: it
takes in what tasks have in common, so that the next task's adapter is turned to what is the task's own. As in EasyCL,
by the paper's authors, the selected adapter answers alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench_adapters.shared import SharedAdapter
from clbench_peft.features import Pooling
from clbench_peft.inject import ADAPTER
from clbench_peft.isolated import Isolated
from clbench_peft.method import LoraOptions
from clbench_peft.penalty import by_shape, overlap
from clbench_peft.router import Router
from clbench_peft.routing import Routing
from clbench_replay.memory import text_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLACE = "absa_shared"  # the model's submodule


class AbsaClOptions(LoraOptions):
    """Options of `absa-cl`, beside those of `lora`; λ₁ and λ₂ are EasyCL's.

    Args:
        orthogonality: λ₁.
        shrinkage: λ₂.
        memory: records of each task that the shared adapter is trained on, for one epoch after each task.
        feature: of a prompt: the base model's last hidden state at its `last` token, or their `mean`.
        covariance: share (0–1) of Σ that is the identity times its mean variance.
    """

    orthogonality: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    shrinkage: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    memory: int = Field(default=32, ge=1, le=1_000_000)
    feature: Pooling = "last"
    covariance: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)


@final
class AbsaCl(Isolated):
    """Adapters of past tasks, and a shared one that none of them is to repeat."""

    Options: ClassVar[type[MethodOptions]] = AbsaClOptions
    options: AbsaClOptions
    label = "absa-cl"

    def __init__(self, options: AbsaClOptions | None = None) -> None:
        super().__init__(options)
        self._memory: dict[str, list[Example]] = {}
        self._rehearsed = 0  # records that the shared adapter was trained on
        self._groups: list[list[str]] = []
        self._instead = contextlib.ExitStack()  # open while the shared adapter is trained

    def routing(self) -> Routing:
        """By Gaussians."""
        return Routing(Router(self.options.covariance), self.options.feature)

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject one adapter, which every task begins anew, and one that all share.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        model = super().prepare_model(model)
        layers = self._banks.layers
        shared = SharedAdapter(layers, self._banks.scale)
        model.add_module(PLACE, shared)
        self._added += sum(p.numel() for p in shared.parameters())
        self._groups = by_shape(list(layers), {name: self._sides(name)[0] for name in layers})
        return model

    def _sides(self, name: str) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
        layer = self._banks.layers[name]
        return layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight

    # --- the task's adapter

    def before_experience(self, run: Run, experience: Experience) -> None:
        """The task's own adapter is trained."""
        self._instead.close()

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """Both penalties, in fp32; none while the shared adapter is trained, nor before there is one."""
        shared, options = _shared(run.model), self.options
        if shared.active or not self._memory:
            return None
        downs = dict(zip(self._banks.layers, shared.down, strict=True))
        terms = []
        with torch.autocast(run.device.type, enabled=False):
            for group in self._groups:
                past = torch.stack([downs[name].detach() for name in group])
                terms.append(options.orthogonality * overlap(past, [self._sides(name)[0] for name in group]))
            own = [side.square().sum() for name in self._banks.layers for side in self._sides(name)]
            terms.append(options.shrinkage * torch.stack(own).sum())
        return torch.stack(terms).sum()

    # --- the shared adapter

    def rehearsal_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """Some records of every task, this one among them, for the shared adapter."""
        if experience.task not in self._memory:
            number = min(self.options.memory, len(data))
            self._memory[experience.task] = run.rng("absa-cl.memory", experience.index).sample(list(data), number)
        self._instead.enter_context(_shared(run.model).instead(self._banks.layers))
        examples = [one for kept in self._memory.values() for one in kept]
        self._rehearsed += len(examples)
        return examples

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """The task's adapter is kept, as by `epi`."""
        self._instead.close()
        super().after_experience(run, experience, data)

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """As of its like; and the memory."""
        memory = {task: [one.to_json() for one in kept] for task, kept in self._memory.items()}
        return {**super().state_dict(), "memory": memory, "rehearsed": self._rehearsed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up; which adapter is trained is said by where the run goes on."""
        super().load_state_dict(state)
        self._memory = {task: [Example.from_json(one) for one in kept] for task, kept in state["memory"].items()}
        self._rehearsed = state["rehearsed"]

    def footprint(self) -> Footprint:
        """As of its like; the memory, which the shared adapter is trained on."""
        records = [one for kept in self._memory.values() for one in kept]
        more = self._rehearsed / max(1, self._routing.passes.trained)
        return super().footprint() + Footprint(
            stored_examples=len(records), stored_bytes=text_bytes(records), extra_passes=more
        )


def _shared(model: torch.nn.Module) -> SharedAdapter:
    found = model.get_submodule(PLACE)
    assert isinstance(found, SharedAdapter)
    return found
