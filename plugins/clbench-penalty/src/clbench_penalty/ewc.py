"""`ewc`: elastic weight consolidation, online or with every task's own anchor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, final

from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_penalty.anchors import Tensors, copies, num_bytes, place
from clbench_penalty.fisher import accumulate, pull_weighted, squared_gradients


class EwcOptions(MethodOptions):
    """Options of `ewc`.

    Args:
        strength: λ of λΣF(θ − θ*)². There is no ½, so a λ of TRACE's code, which has one, is half of it here.
        kind: `online` pulls to the weights after the last task with F ← γF + F_new; `separate` to each earlier task's
            weights with that task's own F.
        decay: γ: what earlier tasks' Fisher values are multiplied by when a task's are added (both kinds).
        fisher: squared gradients of each example's mean loss (`per-sample`), or of the mean loss of batches as large
            as the protocol's (`batch`), which is cheaper, smaller, and no Fisher information.
        samples: examples of a task that they are taken over, drawn without repetition; none means all.
    """

    strength: float = Field(default=200.0, ge=0, allow_inf_nan=False)
    kind: Literal["online", "separate"] = "online"
    decay: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    fisher: Literal["per-sample", "batch"] = "per-sample"
    samples: int | None = Field(default=256, ge=1)


@final
class Ewc(Method):
    """Loss + λΣF(θ − θ*)², F and θ* of the tasks before. Of the last task no Fisher values are taken."""

    Options: ClassVar[type[MethodOptions]] = EwcOptions
    options: EwcOptions

    def __init__(self, options: EwcOptions | None = None) -> None:
        super().__init__(options)
        self._fisher: Tensors = {}
        self._centre: Tensors = {}
        self._passes = {"fisher": 0, "trained": 0}  # examples

    def after_backward(self, run: Run) -> None:
        """Add the penalty's gradient."""
        pull_weighted(run.model, *self._placed(run), strength=self.options.strength)

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Take the task's Fisher values at its end, without dropout."""
        self._passes["trained"] += len(data) * experience.epochs
        if experience.index == run.num_experiences:
            return
        batches = self._batches(run, experience, data)
        self._passes["fisher"] += sum(map(len, batches))
        new = squared_gradients(run.gradients, batches)
        if self.options.kind == "online":
            for name in new:
                self._centre.pop(name, None)
        fisher, centre = self._placed(run)
        accumulate(fisher, centre, new=new, at=copies(run.model), decay=self.options.decay)

    def _placed(self, run: Run) -> tuple[Tensors, Tensors]:
        return place(self._fisher, run.device), place(self._centre, run.device)

    def _batches(self, run: Run, experience: Experience, data: Sequence[Example]) -> list[list[Example]]:
        wanted = len(data) if self.options.samples is None else min(self.options.samples, len(data))
        drawn = run.rng("ewc.samples", experience.index).sample(range(len(data)), wanted)
        size = 1 if self.options.fisher == "per-sample" else run.protocol.global_batch
        return [[data[index] for index in drawn[start : start + size]] for start in range(0, wanted, size)]

    def state_dict(self) -> dict[str, Any]:
        """F, θ*, and what they cost."""
        return {"fisher": dict(self._fisher), "centre": dict(self._centre), "passes": dict(self._passes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        # clones: they are changed in place
        self._fisher = {name: tensor.clone() for name, tensor in state["fisher"].items()}
        self._centre = {name: tensor.clone() for name, tensor in state["centre"].items()}
        self._passes = dict(state["passes"])

    def footprint(self) -> Footprint:
        """F and θ*; the Fisher passes spread over all steps so far."""
        passes = self._passes["fisher"] / max(1, self._passes["trained"])
        return Footprint(stored_bytes=num_bytes(self._fisher, self._centre), extra_passes=passes)
