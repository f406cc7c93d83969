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

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor

from clbench.base.errors import RunError
from clbench.parallel import parts
from clbench_mofo import fast, finite
from clbench_mofo.fast import Named
from clbench_mofo.slices import Counted, Scope
from clbench_mofo.threads import few_as_one
from clbench_mofo.update import Decay, Score, Shares, select, update_moments, update_params

if TYPE_CHECKING:
    from clbench_mofo.cpu import CpuPass
    from clbench_mofo.device import DevicePass

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
        check: whether gradients are looked at first. A loop that has refused what is not finite needs no second look.
        generator: for `score="random"`, on the weights' device; its state is the caller's to save.

    Raises:
        ValueError: a fraction out of range, or a tensor that is not contiguous.
    """

    generator: torch.Generator | None = None
    measure: bool = False
    """Whether steps count into `shares`, which costs them some time."""

    _cpu: CpuPass | None = None
    _device: DevicePass | None = None
    _launched: Sequence[Tensor] = ()

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
        check: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        self.generator, self.shares, self.check = generator, Shares(), check
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
            RunError: a gradient holds NaN or infinity; nothing has been changed. What a device's own pass finds is told
                by the next step, or by `settle`, as nothing waits for it; nothing has been changed since.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.settle()
        with few_as_one():
            divided = [self._divide(group) for group in self.param_groups]
            self._look([named for taken in divided for named in (*taken.compiled, *taken.torch)])
            self._launch([taken.device for taken in divided])
            for group, taken in zip(self.param_groups, divided, strict=True):
                if taken.compiled:
                    self._cpu = self._cpu or fast.make_cpu()
                    self._cpu.update([self._count(*named, group) for named in taken.compiled], group)
                slices = [self._count(*named, group).flat() for named in taken.torch]
                held = [p for _, p in taken.torch if parts.is_part(p)]
                update_moments(slices, betas=group["betas"])
                chosen = select(slices, group, self.generator, held=held)
                update_params(chosen, group, self.shares if self.measure else None, held=held)
        self.shares.steps += self.measure
        return loss

    def settle(self) -> None:
        """Hear what a device found in the gradients of the last step.

        Raises:
            RunError: some were not finite; nothing has been changed since.
        """
        names = self._device.broken() if self._device else []
        if names:
            step = self._steps_done()
            for p in self._launched:
                self.state[p]["step"] -= 1
            raise finite.diverged(names, step=step)

    def _steps_done(self) -> int:
        return max((int(state["step"]) for state in self.state.values()), default=0)

    def _divide(self, group: dict[str, Any]) -> fast.Divided:
        """A group's tensors with a gradient, by what makes their step: torch, of parts of tensors or if measured."""
        named = [(name, p) for name, p in _named(group) if p.grad is not None and p.numel()]
        plain = self.measure or any(parts.is_part(p) for _, p in named)
        return fast.Divided(torch=named) if plain else fast.divide(named, group)

    def _look(self, named: Sequence[Named]) -> None:
        """Refuse gradients of the host's that are not finite, before anything changes."""
        gradients = [p.grad for _, p in named if p.grad is not None]
        if self.check and named and not fast.are_small(gradients):
            finite.check(named, step=self._steps_done() + 1)

    def _launch(self, taken: Sequence[Sequence[Named]]) -> None:
        """Make the step of a device's tensors, none of which moves before the gradients of all were looked at."""
        launches = []
        for number, (group, named) in enumerate(zip(self.param_groups, taken, strict=True)):
            if named:
                self._device = self._device or fast.make_device(named[0][1].device)
                counted = [self._count(*one, group) for one in named]
                launches += self._device.stage(counted, group, number=number, generator=self.generator)
        self._launched = [p for named in taken for _, p in named]
        if self._device and launches:
            self._device.launch(launches, check=self.check)

    def _count(self, name: str, param: Tensor, group: dict[str, Any]) -> Counted:
        """Count the step of one tensor."""
        state, grad, (beta1, beta2) = self.state[param], param.grad, group["betas"]
        assert grad is not None
        if not state:
            state["step"] = torch.tensor(0.0)
            for moment in _MOMENTS:
                state[moment] = torch.zeros_like(param, dtype=_state_dtype(param))
        state["step"] += 1
        t = state["step"].item()
        return Counted(
            name,
            parts.local(param),
            parts.local(grad).contiguous(),
            *(parts.local(state[moment]) for moment in _MOMENTS),
            step_size=group["lr"] / (1 - beta1**t),
            root=(1 - beta2**t) ** 0.5,
        )

    def state_dict(self) -> dict[str, Any]:
        """AdamW's form.

        Raises:
            RunError: see `settle`.
        """
        self.settle()
        return super().state_dict()

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
                if not parts.local(value).isfinite().all():
                    raise RunError(f"mofo: the saved {entry} of {name} holds NaN or infinity; resume an earlier state")
                like = self.state[param][entry].device, (_state_dtype(param) if entry in _MOMENTS else value.dtype)
                self.state[param][entry] = value.to(*like, copy=True)


def _state_dtype(param: Tensor) -> torch.dtype:
    """Moments are never kept below fp32."""
    return torch.promote_types(param.dtype, torch.float32)


def _named(group: dict[str, Any]) -> list[Named]:
    """The tensors of a group with their names, or with numbers where they have none."""
    names = group.get("param_names") or [f"tensor {number}" for number in range(len(group["params"]))]
    return list(zip(names, group["params"], strict=True))
