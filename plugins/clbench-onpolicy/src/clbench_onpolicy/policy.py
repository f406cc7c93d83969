"""GRPO's three equations, on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

SMALL = 1e-4  # added to a group's deviation, as TRL does


def advantages(scores: Sequence[float], *, scale: Literal["group", "none"] = "group") -> list[float]:
    """Âᵢ = (rᵢ − mean r) / (std r + 1e-4) of one prompt's answers; all 0 where they are worth the same.

    Args:
        scores: r, of all answers to one prompt.
        scale: `none` leaves the division out (Dr. GRPO, arXiv:2503.20783).
    """
    values = torch.tensor(scores, dtype=torch.float64)
    apart = values - values.mean()
    if scale == "group":
        apart = apart / (values.std() + SMALL)
    return apart.tolist()


def surrogate(new: torch.Tensor, old: torch.Tensor, advantage: torch.Tensor, *, clip: float) -> torch.Tensor:
    """−min(ρ·Â, clip(ρ, 1 − ε, 1 + ε)·Â), ρ = π(token)/π_old(token); mean over an answer's tokens.

    Args:
        new: log π of the answer's tokens.
        old: log π_old of the same, without a graph.
        advantage: of the answer.
        clip: ε.
    """
    ratio = (new - old).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def divergence(new: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """An unbiased estimate of KL(π‖π_ref) that is never negative: q − log q − 1, q = π_ref/π; mean over tokens."""
    apart = reference - new
    return (apart.exp() - apart - 1).mean()
