"""AdamW whose weights may be bf16 and whose moments may be bf16 or a byte: computed in fp32, a piece at a time.

The equations are those of `torch.optim.AdamW`, at step t:

    m ← m + (1 - β1)(g - m);  v ← β2 v + (1 - β2) g²
    p ← (1 - lr·wd) p;  p ← p - lr/(1 - β1^t) · m / (sqrt(v)/sqrt(1 - β2^t) + ε)

What is kept in bf16 is rounded stochastically (`rounding`). Moments in a byte are those of 8-bit optimizers (Dettmers
et al., arXiv 2110.02861): dynamic quantisation in blocks of 256 entries, each with its largest magnitude, by
bitsandbytes; small tensors keep fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clbench.base import seeding
from clbench.base.errors import OptionError
from clbench.training.rounding import to_bf16

if TYPE_CHECKING:
    from clbench.spec.protocol import Moments

BLOCK = 256  # entries that share a scale
PIECE = 2**20  # entries that are in fp32 at once
SMALL = 4096  # entries: a tensor below is no gain in a byte


class LowMemoryAdamW(torch.optim.Optimizer):
    """AdamW in little memory.

    Args:
        params: to be trained; fp32 or bf16.
        lr: learning rate.
        betas: decay rates of the moments.
        eps: ε, added after the bias-corrected root.
        weight_decay: decoupled.
        moments: what both are kept in.
        seed: of rounding, which draws from no other stream: a tensor's noise at a step depends on these three.

    Raises:
        OptionError: moments in a byte without bitsandbytes.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        moments: Moments = "fp32",
        seed: int = 0,
    ) -> None:
        self.moments: Moments = moments
        self.seed = seed
        if moments == "8bit":
            _quantiser(signed=True)  # its absence is told now
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step."""
        assert closure is None
        number = 0
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and p.numel():
                    self._update(p, group, number=number)
                number += 1

    def _update(self, p: torch.nn.Parameter, group: dict[str, Any], *, number: int) -> None:
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state |= {
                "step": torch.tensor(0.0),
                **_zeros(p, "exp_avg", self.moments),
                **_zeros(p, "exp_avg_sq", self.moments),
            }
        state["step"] += 1
        t = state["step"].item()
        noise = seeding.torch_rng(self.seed, "rounding", int(t), number, device=p.device)
        assert p.grad is not None
        weights, gradient = p.view(-1), p.grad.reshape(-1)
        kept = [Kept(state, "exp_avg", noise, signed=True), Kept(state, "exp_avg_sq", noise, signed=False)]
        for start in range(0, p.numel(), PIECE):
            part = slice(start, min(start + PIECE, p.numel()))
            g, w = gradient[part].float(), weights[part].float()
            m, v = (one.read(part) for one in kept)
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            w.mul_(1 - group["lr"] * group["weight_decay"])
            root = (v.sqrt() / (1 - beta2**t) ** 0.5).add_(group["eps"])
            w.addcdiv_(m, root, value=-group["lr"] / (1 - beta1**t))
            for one, value in zip(kept, (m, v), strict=True):
                one.write(part, value)
            weights[part] = to_bf16(w, noise) if p.dtype == torch.bfloat16 else w

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a copy of a state, bit for bit; torch itself would cast all of it to the weights' dtype."""
        super().load_state_dict(state_dict)
        keys = [key for group in state_dict["param_groups"] for key in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        for key, p in zip(keys, params, strict=True):
            for name, value in state_dict["state"].get(key, {}).items():
                self.state[p][name] = value.to(self.state[p][name].device, copy=True)


def _zeros(p: Tensor, name: str, moments: Moments) -> dict[str, Tensor]:
    """A moment before the first step."""
    if moments == "8bit" and p.numel() >= SMALL:
        blocks = -(-p.numel() // BLOCK)
        code = _zero_code(signed=name == "exp_avg")
        return {
            name: torch.full((p.numel(),), code, dtype=torch.uint8, device=p.device),
            f"{name}_scale": torch.zeros(blocks, device=p.device),
        }
    kept = torch.bfloat16 if moments == "bf16" else torch.float32
    return {name: torch.zeros(p.numel(), dtype=kept, device=p.device)}


@dataclass(frozen=True, slots=True)
class Kept:
    """One moment of one tensor, flat, in whatever it is kept in.

    Args:
        state: of the tensor.
        name: of the moment.
        noise: for rounding.
        signed: whether it may be negative.
    """

    state: dict[str, Tensor]
    name: str
    noise: torch.Generator
    signed: bool

    def read(self, part: slice) -> Tensor:
        """A piece in fp32, which may be the moment itself."""
        kept = self.state[self.name][part]
        if kept.dtype != torch.uint8:
            return kept.float()
        library, code = _quantiser(signed=self.signed)
        scale = self.state[f"{self.name}_scale"][_blocks(part)].contiguous()
        return library.dequantize_blockwise(kept.contiguous(), absmax=scale, code=code.to(kept.device), blocksize=BLOCK)

    def write(self, part: slice, value: Tensor) -> None:
        """Put a piece back."""
        kept = self.state[self.name]
        if kept.dtype == torch.bfloat16:
            kept[part] = to_bf16(value, self.noise)
        elif kept.dtype == torch.uint8:
            library, code = _quantiser(signed=self.signed)
            kept[part], told = library.quantize_blockwise(value, code=code.to(kept.device), blocksize=BLOCK)
            self.state[f"{self.name}_scale"][_blocks(part)] = told.absmax
        else:
            kept[part] = value


def _blocks(part: slice) -> slice:
    """A piece's scales; pieces begin where blocks do."""
    return slice(part.start // BLOCK, -(-part.stop // BLOCK))


@cache
def _quantiser(*, signed: bool) -> tuple[Any, Tensor]:
    """Bitsandbytes' functions, and the numbers between -1 (or 0) and 1 that a byte stands for."""
    try:
        from bitsandbytes import functional
    except ImportError as error:
        raise OptionError(
            "protocol.moments=8bit needs bitsandbytes: python -m pip install 'clbench[quantised]'"
        ) from error
    return functional, functional.create_dynamic_map(signed=signed)


def _zero_code(*, signed: bool) -> int:
    return int(_quantiser(signed=signed)[1].abs().argmin())
