"""What methods of low-rank experts share: experts on the model, how much each task uses them, what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.base.errors import OptionError
from clbench.models.layers import linear_layers, within_blocks
from clbench_loramoe.adapter import add_to, fitting
from clbench_loramoe.usage import SAMPLE, by_type, describe, mean_weights, utilisation

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from clbench_loramoe.config import ExpertConfig
    from clbench_loramoe.experts import ExpertLinear

ALONE = 1 / 3  # a forward pass without a backward pass, as a share of both


class Mixture(Method):
    """Trains experts and routers; everything else stays as it is."""

    label: ClassVar[str]

    def __init__(self, options: MethodOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, ExpertLinear] = {}
        self._targets: list[str] = []
        self._chosen = False
        self._trained = self._looked = 0  # examples of the experiences' steps, and those that usage was measured on

    @property
    def experts(self) -> ExpertConfig:
        """Their shape."""
        raise NotImplementedError

    def types(self, run: Run) -> list[str]:
        """Types of tasks that groups of experts stand for, one for each of the first groups; none by default."""
        return []

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Put the experts beside their layers, and freeze the rest.

        Raises:
            OptionError: a target that the model does not have, or no feed-forward layers.
        """
        instead = ", ".join(within_blocks(model, linear_layers(model)))
        wanted = self.experts
        try:
            config = fitting(model, wanted)
            self._layers = add_to(model, config)
        except ValueError as error:
            raise OptionError(
                f"-o {self.label}.targets: {error}; the linear layers of its blocks: {instead}"
            ) from error
        self._chosen = config is not wanted
        self._targets = within_blocks(model, self._layers)
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; what has experts can be recorded now."""
        told = run.notes.get(self.label, {})  # another optimizer for each experience forgets nothing
        run.note(self.label, {**told, "layers": len(self._layers), "targets": self._targets})
        if self._chosen and not told:
            names = ", ".join(self._targets)
            run.warn(f"{self.label}: targets were chosen for this model: {names} (its feed-forward layers)")
        return None

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch as it is, counted."""
        self._trained += len(batch)
        return batch

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Put into the record how much each expert is used for the tasks of this experience."""
        told = run.notes.get(self.label, {})
        tasks = dict(told.get("tasks", {}))
        for task in dict.fromkeys(one.task for one in data):
            own = [one for one in data if one.task == task]
            sample = run.rng(f"{self.label}.usage", experience.index, task).sample(own, min(SAMPLE, len(own)))
            self._looked += len(sample)
            usage = describe(mean_weights(run, self._layers, sample), own=self.own_experts(task))
            tasks[task] = {"type": run.groups.get(task), "after": experience.index, "examples": len(sample), **usage}
        size = self.experts.experts // self.experts.groups
        drawn = utilisation(tasks, types=self.types(run), size=size)
        notes = {**told, "experts_per_group": size, "tasks": tasks, "types": by_type(tasks), "utilisation": drawn}
        run.note(self.label, notes)

    def own_experts(self, task: str) -> slice | None:
        """Those of the task's type, if it has one."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What was counted; the experts are the model's."""
        return {"trained": self._trained, "looked": self._looked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the counts."""
        self._trained, self._looked = state["trained"], state["looked"]

    def footprint(self) -> Footprint:
        """The experts' and routers' parameters; no pass of its own but the look at usage."""
        added = (p for layer in self._layers.values() for p in (layer.down, layer.up, layer.router))
        passes = self._looked * ALONE / self._trained if self._trained else 0.0
        return Footprint(extra_parameters=sum(p.numel() for p in added), extra_passes=passes)
