"""Points in weight space: copies of the trainable parameters, pulls towards them, weights between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch

Tensors = dict[str, torch.Tensor]


def trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Parameters that are trained at present, by name; tied ones once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def copies(model: torch.nn.Module) -> Tensors:
    """The trainable parameters as they are now, on their devices."""
    return {name: p.detach().clone() for name, p in trainable(model).items()}


def num_bytes(*points: Mapping[str, torch.Tensor]) -> int:
    """Bytes of all tensors."""
    return sum(tensor.nbytes for point in points for tensor in point.values())


def place(point: Tensors, device: torch.device) -> Tensors:
    """The same dictionary, its tensors moved to the device if a checkpoint left them elsewhere."""
    for name, tensor in point.items():
        if tensor.device != device:
            point[name] = tensor.to(device)
    return point


@torch.no_grad()
def pull_squared(model: torch.nn.Module, anchor: Mapping[str, torch.Tensor], *, strength: float) -> None:
    """Adds 2λ(θ − θ₀) to g, the gradient of λ‖θ − θ₀‖²; no graph is built.

    A parameter without gradient took no part in the step and is not trained by it, so it is not pulled either.
    """
    for p, start in _pairs(model, anchor):
        assert p.grad is not None
        p.grad.add_(p - start, alpha=2 * strength)


@torch.no_grad()
def pull_absolute(model: torch.nn.Module, anchor: Mapping[str, torch.Tensor], *, strength: float) -> None:
    """Adds λ sign(θ − θ₀) to g, a subgradient of λ‖θ − θ₀‖₁ that is 0 at θ₀."""
    for p, start in _pairs(model, anchor):
        assert p.grad is not None
        p.grad.add_((p - start).sign_(), alpha=strength)


def _pairs(
    model: torch.nn.Module, anchor: Mapping[str, torch.Tensor]
) -> Iterator[tuple[torch.nn.Parameter, torch.Tensor]]:
    for name, p in trainable(model).items():
        if p.grad is not None and name in anchor:
            yield p, anchor[name]


@contextlib.contextmanager
def weights_between(model: torch.nn.Module, anchor: Mapping[str, torch.Tensor], *, share: float) -> Iterator[None]:
    """The model with the weights (1 − a)θ₀ + aθ; afterwards θ again, bit for bit, which is kept beside it.

    They are written into the parameters' own memory, of which a process may hold a part.

    Args:
        model: at θ.
        anchor: θ₀, by name.
        share: a, 0–1; both ends are exact.
    """
    params = trainable(model)
    kept = {name: params[name].detach().clone() for name in anchor if name in params}
    try:
        with torch.no_grad():
            for name, weights in kept.items():
                params[name].copy_(torch.lerp(anchor[name], weights, share))
        yield
    finally:
        with torch.no_grad():
            for name, weights in kept.items():
                params[name].copy_(weights)
