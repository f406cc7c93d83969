"""What is made of one tensor's task vectors τᵢ = θᵢ − θ₀: pure functions, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch.nn import functional


def trimmed(vector: torch.Tensor, density: float) -> torch.Tensor:
    """A vector's ⌊density · n⌋ entries of largest magnitude (at least one), zeros elsewhere (TIES, step 1)."""
    number = max(1, int(density * vector.numel()))
    kept = vector.abs().flatten().topk(number).indices
    return torch.zeros_like(vector).flatten().index_copy(0, kept, vector.flatten()[kept]).view_as(vector)


def ties(vectors: Sequence[torch.Tensor], density: float) -> torch.Tensor:
    """Trim; elect the sign γ = sgn(Σ τ̂ᵢ) of each entry; mean over the τ̂ᵢ that have it (arXiv:2306.01708, §4)."""
    stacked = torch.stack([trimmed(one, density) for one in vectors])
    elected = torch.where(stacked.sum(0) >= 0, 1.0, -1.0)
    agreeing = stacked.sign() == elected
    return (stacked * agreeing).sum(0) / agreeing.sum(0).clamp(min=1)


def dropped(vector: torch.Tensor, density: float, generator: torch.Generator) -> torch.Tensor:
    """Each entry is kept with probability `density` and then divided by it (DARE, arXiv:2311.03099, eq. 3)."""
    kept = torch.rand(vector.shape, generator=generator) < density  # on the generator's device, whatever the vector's
    return vector * kept.to(vector.device) / density


def stock_share(vectors: Sequence[torch.Tensor]) -> float:
    """How far to go from θ₀ to the mean of the θᵢ: t = N·cos φ / (1 + (N − 1)·cos φ) (arXiv:2403.19522, eq. 7).

    cos φ is the mean over pairs; angles beyond 90° count as 90°. One vector alone is gone to whole.
    """
    if len(vectors) == 1:
        return 1.0
    flat = [one.flatten() for one in vectors]
    found = [functional.cosine_similarity(a, b, dim=0).item() for a, b in combinations(flat, 2)]
    cosine = max(0.0, sum(found) / len(found))
    return len(vectors) * cosine / (1 + (len(vectors) - 1) * cosine)
