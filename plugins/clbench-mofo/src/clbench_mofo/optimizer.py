"""AdamW with a filter: moments from the whole gradient, the update only where the momentum is largest.

Equations of Chen et al. (arXiv:2407.20999), in the order of `torch.optim.AdamW`'s loop over tensors. Per tensor, at
step t:

    p ← (1 - lr·wd) p                                                            update._decay
    m ← m + (1 - β1)(g - m);  v ← β2 v + (1 - β2) g²                             update.update_moments
    τ = the k-th largest |m| of the tensor, k = max(1, ⌊fraction·n⌋)             select.kth_largest
    u = m where |m| ≥ τ, else 0                                                  select.keep_largest
    p ← p - lr/(1 - β1^t) · u / (sqrt(v)/sqrt(1 - β2^t) + ε)                     update.update_params
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from clbench.base.errors import RunError
from clbench_mofo import fast
from clbench_mofo.slices import Scope, Slice
from clbench_mofo.threads import few_as_one
from clbench_mofo.update import Decay, Score, Shares, select, update_moments, update_params

if TYPE_CHECKING:
    from clbench_mofo.compiled import Compiled

_MOMENTS = ("exp_avg", "exp_avg_sq")


class MofoAdamW(torch.optim.Optimizer):
    """AdamW that updates only a fraction of each tensor.

    State and groups are AdamW's (`step`, `exp_avg`, `exp_avg_sq`), the moments in fp32 whatever the weights' dtype.
    Weights below fp32 are updated in fp32 and rounded back: most steps of Adam's size are then lost (README).

    Args:
        params: tensors, (name, tensor) pairs, or groups of them; a group may have each option below for its own, so
            that `fraction=1.0` leaves it unfiltered.
        lr: learning rate.
        betas: decay rates of the moments.
        eps: ε, added after the bias-corrected root.
        weight_decay: decoupled.
        fraction: share (0–1] of a population that is updated.
        score: what entries are ranked by: |m|, |g|, |m|/(sqrt(v)+ε), a fresh random number, or |p|.
        scope: entries that compete: a tensor's, all of a group's (`global`), or a shard's: see `populations`.
        shards: ranks to simulate, for `scope="shard"`.
        decay: whether weight decay acts on all entries, as the authors' does, or on the selected ones.
        generator: for `score="random"`, on the weights' device; its state is the caller's to save.

    Raises:
        ValueError: a fraction out of range, or a tensor that is not contiguous.
    """

    generator: torch.Generator | None = None
    measure: bool = False
    """Whether steps count into `shares`, which costs them some time."""

    _pass: Compiled | None = None

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        fraction: float = 0.05,
        score: Score = "momentum",
        scope: Scope = "tensor",
        shards: int = 1,
        decay: Decay = "all",
        generator: torch.Generator | None = None,
    ) -> None:
        self.generator, self.shares = generator, Shares()
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "fraction": fraction}
        super().__init__(params, defaults | {"score": score, "scope": scope, "shards": shards, "decay": decay})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add tensors, with options of their own or the defaults.

        Raises:
            ValueError: a fraction out of range, or a tensor that is not contiguous.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if not 0 < group["fraction"] <= 1:
            raise ValueError(f"fraction is {group['fraction']}; it must be above 0 and at most 1")
        for name, param in _named(group):
            if not (param.is_contiguous() and param.is_floating_point()):
                raise ValueError(f"{name}: MoFO takes contiguous tensors of real numbers; use .contiguous()")

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Make one step.

        Args:
            closure: evaluates the model anew and returns the loss.

        Raises:
            RunError: a gradient holds NaN or infinity; nothing has been changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with few_as_one():
            self._check_gradients()
            for group in self.param_groups:
                slices = [self._slice(p, group) for p in group["params"] if p.grad is not None and p.numel()]
                others = slices if self.measure else self._compiled(slices, group)
                update_moments(others, betas=group["betas"])
                chosen = select(others, group, self.generator)
                update_params(chosen, group, self.shares if self.measure else None)
        self.shares.steps += self.measure
        return loss

    def _check_gradients(self) -> None:
        """Refuse what would freeze a tensor in silence. One number for all, so that the host waits once a step.

        Finite gradients keep finite moments finite, and a norm that does not overflow keeps v from overflowing.
        """
        named = [(name, p) for group in self.param_groups for name, p in _named(group) if p.grad is not None]
        if math.isfinite(get_total_norm([p.grad for _, p in named if p.grad is not None]).item()):
            return
        bad = [name for name, p in named if not p.grad.isfinite().all()]  # type: ignore[union-attr]
        others = f" and of {len(bad) - 1} other tensors" if len(bad) > 1 else ""
        what = f"the gradient of {bad[0]}{others} holds NaN or infinity" if bad else "the gradient's norm overflows"
        done = max((int(self.state[p]["step"]) for _, p in named if p in self.state), default=0)
        raise RunError(
            f"mofo: {what} at optimizer step {done + 1}: training has diverged; "
            "lower protocol.learning_rate, or use protocol.precision=fp32"
        )

    def _compiled(self, slices: Sequence[Slice], group: dict[str, Any]) -> Sequence[Slice]:
        """Make the step of those that the compiled pass takes; returns the others."""
        taken, others = fast.part(slices, group)
        if taken:
            self._pass = self._pass or fast.make()
            assert self._pass is not None
            self._pass.update(taken, group)
        return others

    def _slice(self, param: Tensor, group: dict[str, Any]) -> Slice:
        """Count the step of one tensor, and lay it and its state out flat."""
        state, grad = self.state[param], param.grad
        assert grad is not None
        if not state:
            state["step"] = torch.tensor(0.0)
            for name in _MOMENTS:
                state[name] = torch.zeros_like(param, dtype=_state_dtype(param))
        state["step"] += 1
        t, (beta1, beta2) = state["step"].item(), group["betas"]
        return Slice(
            param=param.detach().view(-1),
            grad=grad.reshape(-1),
            exp_avg=state["exp_avg"].view(-1),
            exp_avg_sq=state["exp_avg_sq"].view(-1),
            step_size=group["lr"] / (1 - beta1**t),
            root=(1 - beta2**t) ** 0.5,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a copy of a state, bit for bit; torch itself would round the moments to the weights' dtype.

        Raises:
            RunError: a moment holds NaN or infinity.
        """
        super().load_state_dict(state_dict)
        keys = [key for group in state_dict["param_groups"] for key in group["params"]]
        named = [pair for group in self.param_groups for pair in _named(group)]
        for key, (name, param) in zip(keys, named, strict=True):
            for entry, value in state_dict["state"].get(key, {}).items():
                if not value.isfinite().all():
                    raise RunError(f"mofo: the saved {entry} of {name} holds NaN or infinity; resume an earlier state")
                like = self.state[param][entry].device, (_state_dtype(param) if entry in _MOMENTS else value.dtype)
                self.state[param][entry] = value.to(*like, copy=True)


def _state_dtype(param: Tensor) -> torch.dtype:
    """Moments are never kept below fp32."""
    return torch.promote_types(param.dtype, torch.float32)


def _named(group: dict[str, Any]) -> list[tuple[str, Tensor]]:
    """The tensors of a group with their names, or with numbers where they have none."""
    names = group.get("param_names") or [f"tensor {number}" for number in range(len(group["params"]))]
    return list(zip(names, group["params"], strict=True))
