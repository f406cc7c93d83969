"""The model at other weights: a frozen or averaged copy of what is trained, run by the model's own modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]


def copies(model: torch.nn.Module) -> Tensors:
    """The trainable parameters as they are now."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def at(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> Callable[..., Any] | None:
    """The model's forward pass at other weights; None: the model itself, where there are none."""
    if not weights:
        return None
    device = next(model.parameters()).device
    placed = {name: tensor.to(device) for name, tensor in weights.items()}
    return lambda **inputs: torch.func.functional_call(model, placed, (), inputs)


@torch.no_grad()
def follow(mean: Tensors, model: torch.nn.Module, rate: float) -> None:
    """φ ← α·θ + (1 − α)·φ, new tensors in the same dictionary."""
    params = dict(model.named_parameters())
    for name, old in mean.items():
        mean[name] = torch.lerp(old.to(params[name].device), params[name], rate)


def num_bytes(*points: Mapping[str, torch.Tensor]) -> int:
    """Of all tensors."""
    return sum(tensor.nbytes for point in points for tensor in point.values())
