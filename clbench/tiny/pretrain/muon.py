"""Muon: the momentum of a matrix, made orthogonal, as its update (K. Jordan and others, 2024).

On the matrices of this small model it needs well under the tokens that AdamW needs to the same loss (docs/log.md), and
tokens are what two cores are short of. Matrices of one shape are handled together, which is most of the speed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the polynomial that drives all singular values towards 1, from the authors' post."""


def orthogonal(stack: Tensor, *, rounds: int = 5) -> Tensor:
    """Each matrix of a stack with its singular values brought near 1 (a Newton-Schulz iteration)."""
    a, b, c = QUINTIC
    tall = stack.shape[-2] > stack.shape[-1]
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum whose update is orthogonalised; for matrices only.

    Args:
        matrices: The parameters.
        lr: Learning rate; an update's entries have a root mean square of a fifth of it, as AdamW's tend to have.
        momentum: Share of the old momentum that is kept.
        weight_decay: Decoupled, as in AdamW.
    """

    def __init__(
        self, matrices: Iterable[Tensor], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of every matrix that has a gradient."""
        assert closure is None, "a closure would be evaluated by other optimizers"
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for one in group["params"]:
                if one.grad is not None:
                    by_shape.setdefault(one.shape, []).append(one)
            for shape, matrices in by_shape.items():
                updates = orthogonal(torch.stack([self._direction(one, group["momentum"]) for one in matrices]))
                scale = 0.2 * math.sqrt(max(shape)) * group["lr"]
                for one, update in zip(matrices, updates, strict=True):
                    one.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=scale)

    def _direction(self, one: Tensor, momentum: float) -> Tensor:
        """Nesterov's look ahead: gradient and momentum mixed, after the momentum has taken the gradient in."""
        assert one.grad is not None
        state = self.state[one]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(one)
        state["momentum"].lerp_(one.grad, 1 - momentum)
        return one.grad.lerp(state["momentum"], momentum)
