"""`merge`: when a task ends, its weights are merged with earlier ones, and what comes out is measured and goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, final

import torch
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.parallel import parts
from clbench_merge.merging import dropped, stock_share, ties

How = Literal["average", "task-arithmetic", "ties", "dare", "stock"]
Tensors = dict[str, torch.Tensor]
WEIGHTS: dict[How, float] = {"average": 0.5, "task-arithmetic": 0.4, "ties": 1.0, "dare": 0.4}
DECAY = 0.99
DENSITIES: dict[How, float] = {"ties": 0.2, "dare": 0.2}


class MergeOptions(MethodOptions):
    """Options of `merge`.

    Args:
        how: `average` of an anchor and the task's weights; or θ₀ and what is made of all tasks' vectors θᵢ − θ₀: their
            sum (`task-arithmetic`), `ties`, the sum of what `dare` leaves of them, or Model `stock`.
        weight: of the task's weights in an average, 0–1 (0.5 by default; 1 is training without merging), else λ of
            θ₀ + λτ (task-arithmetic and dare 0.4, ties 1). Not with `stock`, which computes it.
        anchor: with `average`: the `base` weights, those `previous` to the task, or an `ema` over its steps.
        decay: of the EMA, a step; 0.99 by default.
        density: share of a vector's entries that ties and dare keep, 0.2 by default.
        start: whether a task's training begins at the `merged` weights or, as for independent experts, at the `base`.
    """

    how: How = "average"
    weight: float | None = Field(default=None, ge=0, le=10, allow_inf_nan=False)
    anchor: Literal["base", "previous", "ema"] = "base"
    decay: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    density: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    start: Literal["merged", "base"] = "merged"

    @model_validator(mode="after")
    def _has_an_effect(self) -> MergeOptions:
        """Refuse what would be ignored."""
        wrong = {
            "weight": self.weight is not None and self.how == "stock",
            "anchor": self.anchor != "base" and self.how != "average",
            "decay": self.decay is not None and self.anchor != "ema",
            "density": self.density is not None and self.how not in DENSITIES,
        }
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise PydanticCustomError("unused", "{name} has no effect with these options", {"name": found[0]})
        if self.how == "average" and self.weight is not None and self.weight > 1:
            raise PydanticCustomError("weight", "weight of an average must be at most 1")
        return self

    @property
    def share(self) -> float:
        """The weight that is meant."""
        return WEIGHTS.get(self.how, 1.0) if self.weight is None else self.weight

    @property
    def kept(self) -> float:
        """The density that is meant."""
        return DENSITIES.get(self.how, 1.0) if self.density is None else self.density


@final
class Merge(Method):
    """Trains as the others in its composition do; acts between tasks."""

    Options: ClassVar[type[MethodOptions]] = MergeOptions
    options: MergeOptions

    def __init__(self, options: MergeOptions | None = None) -> None:
        super().__init__(options)
        self._base: Tensors = {}  # θ₀
        self._anchor: Tensors = {}  # of the present task, where it is not θ₀
        self._vectors: list[Tensors] = []  # τᵢ where each is needed again; their sum where that is enough

    @torch.no_grad()
    def before_experience(self, run: Run, experience: Experience) -> None:
        """Note θ₀ and the anchor, where they are needed; begin at θ₀ where tasks are to be independent.

        What another method thaws later is where it always was, so its θ₀ is still to be had.
        """
        trained = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
        if self.options.anchor == "base" or self.options.start == "base":
            self._base |= {name: p.detach().clone() for name, p in trained.items() if name not in self._base}
        if self.options.start == "base" and experience.index > 1:
            for name, p in trained.items():
                p.copy_(self._base[name])
        if self.options.anchor != "base":
            self._anchor = {name: p.detach().clone() for name, p in trained.items()}

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        """The average over steps: e ← d·e + (1 − d)·θ."""
        if self.options.anchor == "ema":
            decay = DECAY if self.options.decay is None else self.options.decay
            params = dict(run.model.named_parameters())
            for name, mean in self._anchor.items():
                self._anchor[name] = torch.lerp(params[name], mean.to(params[name].device), decay)

    @torch.no_grad()
    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Merge."""
        known = self._anchor or self._base
        params = {name: p for name, p in run.model.named_parameters() if name in known}
        merged = self._averaged(params) if self.options.how == "average" else self._composed(run, experience, params)
        for name, value in merged.items():
            params[name].copy_(value)

    def _averaged(self, params: Mapping[str, torch.nn.Parameter]) -> Tensors:
        """(1 − w)·anchor + w·θ; both ends are exact."""
        anchor = self._anchor or self._base
        return {name: torch.lerp(anchor[name].to(p.device), p, self.options.share) for name, p in params.items()}

    def _composed(self, run: Run, experience: Experience, params: Mapping[str, torch.nn.Parameter]) -> Tensors:
        """θ₀ + λ·τ, τ of all tasks so far."""
        base = {name: self._base[name].to(p.device) for name, p in params.items()}
        new = {name: p.detach() - base[name] for name, p in params.items()}
        if self.options.how == "dare":
            generator = run.torch_rng("merge.dare", experience.index)
            new = {
                name: parts.cut(dropped(parts.full(one), self.options.kept, generator), one)
                for name, one in new.items()
            }
        if self.options.how in ("dare", "task-arithmetic"):
            before = self._vectors[0] if self._vectors else {}
            found = {name: one + before[name].to(one.device) if name in before else one for name, one in new.items()}
            self._vectors = [found]
        else:
            self._vectors.append(new)
            found = {
                name: self._merged([one[name].to(start.device) for one in self._vectors if name in one])
                for name, start in base.items()
            }
        return {name: torch.add(base[name], one, alpha=self.options.share) for name, one in found.items()}

    def _merged(self, vectors: list[torch.Tensor]) -> torch.Tensor:
        """Of whole vectors, one tensor's at a time, where each process holds parts of them."""
        whole = [parts.full(one) for one in vectors]
        if self.options.how == "ties":
            return parts.cut(ties(whole, self.options.kept), vectors[-1])
        return parts.cut(stock_share(whole) * torch.stack(whole).mean(0), vectors[-1])

    def state_dict(self) -> dict[str, Any]:
        """θ₀, the anchor, the vectors."""
        return {"base": dict(self._base), "anchor": dict(self._anchor), "vectors": [dict(one) for one in self._vectors]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._base, self._anchor = dict(state["base"]), dict(state["anchor"])
        self._vectors = [dict(one) for one in state["vectors"]]

    def footprint(self) -> Footprint:
        """Their bytes."""
        points = [self._base, self._anchor, *self._vectors]
        return Footprint(stored_bytes=sum(tensor.nbytes for point in points for tensor in point.values()))
