"""`loramoe`: experts beside the frozen feed-forward layers, and the constraint that balances them by type of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.base.errors import OptionError, RunError
from clbench.models.layers import linear_layers, within_blocks
from clbench_loramoe.adapter import add_to, fitting
from clbench_loramoe.balance import (
    UNKNOWN,
    Balance,
    Formula,
    Population,
    Reduction,
    Sign,
    localized_balance,
)
from clbench_loramoe.config import ExpertConfig
from clbench_loramoe.experts import ExpertLinear
from clbench_loramoe.usage import SAMPLE, by_type, describe, mean_weights, utilisation

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

ALONE = 1 / 3  # a forward pass without a backward pass, as a share of both


class LoramoeOptions(ExpertConfig, MethodOptions):
    """Options of `loramoe`: the experts' shape (`ExpertConfig`), and their balance.

    Args:
        balance: β, the constraint's weight in the loss; 0 switches it off. Where the stream file has no `groups:`, the
            default is off too (counted as a warning), and a weight that was set is refused.
        delta: δ, 0–1: how unequal the groups are to become.
        sign: `paper`, whose minimum gives the matching experts *less* than half (README); or `matching`.
        formula: `paper` σ²/μ, or `code` σ²/μ².
        population: σ and μ over each `sequence`, or over the micro-`batch` together.
        reduction: over layers: their `mean`, or their `sum` as in the authors' code.
    """

    balance: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    delta: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)
    sign: Sign = "paper"
    formula: Formula = "paper"
    population: Population = "sequence"
    reduction: Reduction = "mean"


@final
class Loramoe(Method):
    """Trains experts and routers; everything else stays as it is."""

    Options: ClassVar[type[MethodOptions]] = LoramoeOptions
    options: LoramoeOptions

    def __init__(self, options: LoramoeOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, ExpertLinear] = {}
        self._targets: list[str] = []
        self._chosen = False
        self._types: dict[str, int] = {}
        self._how: Balance | None = None
        self._trained = self._looked = 0  # examples of the experiences' steps, and those that usage was measured on

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Put the experts beside their layers, and freeze the rest.

        Raises:
            OptionError: a target that the model does not have, or no feed-forward layers.
        """
        instead = ", ".join(within_blocks(model, linear_layers(model)))
        try:
            config = fitting(model, self.options)
            self._layers = add_to(model, config)
        except ValueError as error:
            raise OptionError(f"-o loramoe.targets: {error}; the linear layers of its blocks: {instead}") from error
        self._chosen = config is not self.options
        self._targets = within_blocks(model, self._layers)
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; what the stream says of types of tasks is known now.

        Raises:
            OptionError: the stream has more types than there are groups of experts, or none and `balance` was set.
        """
        told = run.notes.get("loramoe", {})  # another optimizer for each experience forgets nothing
        run.note("loramoe", {**told, "layers": len(self._layers), "targets": self._targets})
        if self._chosen and not told:
            run.warn(
                f"loramoe: targets were chosen for this model: {', '.join(self._targets)} (its feed-forward layers)"
            )
        names = list(dict.fromkeys(run.groups.values()))
        self._types = {task: names.index(group) for task, group in run.groups.items()}
        if self._balances(run, names):
            options = self.options
            self._how = Balance(
                groups=options.groups,
                delta=options.delta,
                sign=options.sign,
                formula=options.formula,
                population=options.population,
                reduction=options.reduction,
            )
            for layer in self._layers.values():
                layer.recording = "training"
        return None

    def _balances(self, run: Run, names: Sequence[str]) -> bool:
        options = self.options
        if not options.balance:
            return False
        if not names:
            if "balance" in options.model_fields_set:
                raise OptionError("-o loramoe.balance: the stream has no `groups:`; name them there, or set balance=0")
            run.warn("loramoe: the stream has no `groups:`, so experts are not balanced")
            return False
        if len(names) > options.groups:
            raise OptionError(
                f"-o loramoe.groups: the stream has {len(names)} types of tasks ({', '.join(names)}), "
                f"but there are {options.groups} groups of experts; set groups={len(names)}, or balance=0"
            )
        if len(names) < options.groups:
            run.warn(f"loramoe: {options.groups - len(names)} group(s) of experts have no type of tasks in the stream")
        return True

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch as it is, counted."""
        self._trained += len(batch)
        return batch

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """β times the localized balancing constraint of this micro-batch.

        Raises:
            RunError: a layer took no part in the pass, or kept no graph.
        """
        mask, how = batch["attention_mask"], self._how
        if how is None or len(run.row_tasks) != len(mask):  # several processes: a pass that counts nothing
            self._forget()
            return None
        types = [self._types.get(task, UNKNOWN) for task in run.row_tasks]
        for task, kind in zip(run.row_tasks, types, strict=True):
            if kind == UNKNOWN:
                run.warn(f"loramoe: task {task} is in none of the stream's groups, so its examples are not balanced")
        weights = self._take(mask.shape)
        if set(types) == {UNKNOWN}:
            return None
        kinds = torch.tensor(types, device=mask.device)
        return self.options.balance * localized_balance(weights, mask=mask, types=kinds, how=how)

    def _take(self, shape: torch.Size) -> list[torch.Tensor]:
        """The last pass's router weights of all layers, which forget them."""
        weights = []
        for name, layer in self._layers.items():
            routed = layer.take_routed()
            if routed is None or routed.shape[:2] != shape:
                raise RunError(
                    f"loramoe: {name} recorded no router weights in the training pass, so cannot be balanced"
                )
            weights.append(routed)
        return weights

    def after_backward(self, run: Run) -> None:
        """Drop what gradient checkpointing has recorded again."""
        self._forget()

    def _forget(self) -> None:
        for layer in self._layers.values():
            layer.take_routed()

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Put into the record how much each expert is used for the tasks of this experience."""
        told = run.notes.get("loramoe", {})
        tasks = dict(told.get("tasks", {}))
        for task in dict.fromkeys(one.task for one in data):
            own = [one for one in data if one.task == task]
            sample = run.rng("loramoe.usage", experience.index, task).sample(own, min(SAMPLE, len(own)))
            self._looked += len(sample)
            usage = describe(mean_weights(run, self._layers, sample), own=self._own_experts(task))
            tasks[task] = {"type": run.groups.get(task), "after": experience.index, "examples": len(sample), **usage}
        size = self.options.experts // self.options.groups
        drawn = utilisation(tasks, types=list(dict.fromkeys(run.groups.values())), size=size)
        notes = {**told, "experts_per_group": size, "tasks": tasks, "types": by_type(tasks), "utilisation": drawn}
        run.note("loramoe", notes)

    def _own_experts(self, task: str) -> slice | None:
        kind = self._types.get(task, UNKNOWN)
        if not 0 <= kind < self.options.groups:
            return None
        size = self.options.experts // self.options.groups
        return slice(kind * size, (kind + 1) * size)

    def state_dict(self) -> dict[str, Any]:
        """What was counted; the experts are the model's."""
        return {"trained": self._trained, "looked": self._looked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the counts."""
        self._trained, self._looked = state["trained"], state["looked"]

    def footprint(self) -> Footprint:
        """The experts' and routers' parameters. The constraint needs no pass of its own, the look at usage some."""
        added = (p for layer in self._layers.values() for p in (layer.down, layer.up, layer.router))
        passes = self._looked * ALONE / self._trained if self._trained else 0.0
        return Footprint(extra_parameters=sum(p.numel() for p in added), extra_passes=passes)
