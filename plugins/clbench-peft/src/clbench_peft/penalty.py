"""O-LoRA's penalty on many layers at once: layers of like shapes are one batched product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch


def by_shape(names: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> list[list[str]]:
    """Names whose tensors have the same shape, together."""
    groups: dict[torch.Size, list[str]] = {}
    for name in names:
        groups.setdefault(tensors[name].shape, []).append(name)
    return list(groups.values())


def overlap(past: torch.Tensor, new: Sequence[torch.Tensor]) -> torch.Tensor:
    """Σ|A_past A_newᵀ| over layers and entries.

    Args:
        past: (layers, past ranks, inputs).
        new: a layer's A each, (rank, inputs).
    """
    # this order, as the gradient of the other's transposed factor takes three times as long on a CPU
    return torch.bmm(torch.stack(list(new)), past.mT).abs().sum()


def norms(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Σ‖·‖₂ over tensors of one shape, Frobenius; its gradient at 0 is 0."""
    return torch.linalg.vector_norm(torch.stack(list(tensors)).flatten(1), dim=1).sum()
