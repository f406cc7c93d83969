"""`loramoe`: experts beside the frozen feed-forward layers, and the constraint that balances them by type of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import Field

from clbench import MethodOptions, Run
from clbench.base.errors import OptionError, RunError
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
from clbench_loramoe.mixture import Mixture

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer


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
class Loramoe(Mixture):
    """Experts in groups, one for each type of task."""

    Options: ClassVar[type[MethodOptions]] = LoramoeOptions
    options: LoramoeOptions
    label = "loramoe"

    def __init__(self, options: LoramoeOptions | None = None) -> None:
        super().__init__(options)
        self._types: dict[str, int] = {}
        self._how: Balance | None = None

    @property
    def experts(self) -> ExpertConfig:
        """As the options say."""
        return self.options

    def types(self, run: Run) -> list[str]:
        """The stream's, in the file's order."""
        return list(dict.fromkeys(run.groups.values()))

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; what the stream says of types of tasks is known now.

        Raises:
            OptionError: the stream has more types than there are groups of experts, or none and `balance` was set.
        """
        super().make_optimizer(named_params, run)
        names = self.types(run)
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
        return self.options.balance * localized_balance(weights, mask=mask, types=types, how=how)

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

    def own_experts(self, task: str) -> slice | None:
        """Of the task's type."""
        kind = self._types.get(task, UNKNOWN)
        if not 0 <= kind < self.options.groups:
            return None
        size = self.options.experts // self.options.groups
        return slice(kind * size, (kind + 1) * size)
