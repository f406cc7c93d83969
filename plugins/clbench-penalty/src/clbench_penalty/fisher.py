"""Fisher values of parameters, and the quadratic penalty that they weight.

Σᵢ λ Fᵢ(θ − θᵢ)² over earlier tasks i has the gradient 2λ(ΣFᵢ)(θ − c), where c is the mean of the θᵢ weighted by Fᵢ.
So F = ΣFᵢ and c are all that any number of tasks needs: 8 bytes a parameter instead of 8 for each task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from clbench import Example
from clbench_penalty.anchors import Tensors, trainable

Gradients = Callable[[Sequence[Example]], dict[str, torch.Tensor]]


def squared_gradients(gradients: Gradients, batches: Sequence[Sequence[Example]]) -> Tensors:
    """Mean over batches of the squared gradient of each batch's mean loss.

    Batches of one example give the empirical Fisher diagonal with an example's mean token loss as its log-likelihood.
    Larger batches give less: squares of means, which shrink as gradients cancel.
    """
    total: Tensors = {}
    for batch in batches:
        for name, gradient in gradients(batch).items():
            known = total.setdefault(name, torch.zeros_like(gradient))
            known.addcmul_(gradient, gradient, value=1 / len(batches))
    return total


@torch.no_grad()
def accumulate(
    fisher: Tensors, centre: Tensors, *, new: Mapping[str, torch.Tensor], at: Mapping[str, torch.Tensor], decay: float
) -> None:
    """F ← γF + F_new and c ← c + F_new/F · (θ − c), in place: the Fisher-weighted mean of all tasks' weights.

    Args:
        fisher: F of the tasks before.
        centre: c; what is missing is θ (online: of the last task alone).
        new: this task's Fisher values.
        at: θ at its end.
        decay: γ.
    """
    for values in fisher.values():
        values.mul_(decay)
    for name, values in new.items():
        total = fisher.setdefault(name, torch.zeros_like(values)).add_(values)
        mean = centre.setdefault(name, at[name].clone())
        mean.lerp_(at[name], torch.where(total > 0, values / total, 0.0))


@torch.no_grad()
def pull_weighted(
    model: torch.nn.Module,
    fisher: Mapping[str, torch.Tensor],
    centre: Mapping[str, torch.Tensor],
    *,
    strength: float,
) -> None:
    """Adds 2λF(θ − c) to g, the gradient of λΣF(θ − c)², without ½."""
    for name, p in trainable(model).items():
        if p.grad is not None and name in fisher:
            p.grad.addcmul_(fisher[name], p - centre[name], value=2 * strength)
