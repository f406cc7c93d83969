"""The localized balancing constraint: router weights and types of tasks in, one number out.

Dou et al., LoRAMoE (arXiv:2312.09979), section 3.3. For one layer, N experts and M sequences:

    Q_mn = Σ_t g_mtn                     sum of the router weights over sequence m's tokens, padding left out
    I_mn = 1 + δ where expert n is of sequence m's type, else 1 − δ
    L = σ²(Z) / μ(Z), Z = I ∘ Q

L is 0 where Z is constant, that is where g is proportional to 1/I: of two groups, the matching one then has the mass
(1 − δ)/2, which is less than half. `sign="matching"` exchanges 1 + δ and 1 − δ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Formula = Literal["paper", "code"]
Population = Literal["sequence", "batch"]
Reduction = Literal["mean", "sum"]
Sign = Literal["paper", "matching"]
UNKNOWN = -1
"""Type of a sequence that belongs to no group of experts."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How the constraint is computed.

    Args:
        groups: of experts, of one size.
        delta: δ, 0–1: how unequal the groups are to become.
        sign: which experts get 1 + δ: the matching ones (`paper`), or the others, so that minimising favours the
            matching ones (`matching`).
        formula: σ²/μ (`paper`), which grows with the number of tokens, or σ²/μ² (`code`), which does not.
        population: σ and μ over one `sequence`'s N entries, then the mean over sequences; or over the micro-`batch`'s
            M·N entries, which depends on how a step is cut into micro-batches.
        reduction: over layers.
    """

    groups: int
    delta: float
    sign: Sign = "paper"
    formula: Formula = "paper"
    population: Population = "sequence"
    reduction: Reduction = "mean"


def localized_balance(
    weights: Sequence[torch.Tensor], *, mask: torch.Tensor, types: Sequence[int], how: Balance
) -> torch.Tensor:
    """The constraint over all layers, a scalar without β. Nothing waits for the device.

    Args:
        weights: of each layer, (sequences, tokens, N), fp32.
        mask: (sequences, tokens), 0 at padding.
        types: each sequence's group of experts; sequences of type `UNKNOWN` count 0.
        how: options.
    """
    known = [number for number, kind in enumerate(types) if kind != UNKNOWN]
    quantities = torch.stack([importance(one, mask=mask) for one in weights])
    if len(known) < len(types):
        quantities = quantities.index_select(1, _sent(torch.tensor(known, dtype=torch.int64), to=quantities.device))
    factors = coefficients([types[number] for number in known], experts=quantities.shape[-1], how=how)
    weighted = quantities * _sent(factors, to=quantities.device)
    if how.population == "batch":
        weighted = weighted.flatten(1).unsqueeze(1)
    by_layer = dispersion(weighted, formula=how.formula).mean(1) * (len(known) / len(types))
    return by_layer.sum() if how.reduction == "sum" else by_layer.mean()


def importance(weights: torch.Tensor, *, mask: torch.Tensor) -> torch.Tensor:
    """Q of one layer, (sequences, N).

    Args:
        weights: (sequences, tokens, N).
        mask: (sequences, tokens), 0 at padding.
    """
    return (weights * mask.unsqueeze(-1)).sum(1)


def coefficients(types: Sequence[int], *, experts: int, how: Balance) -> torch.Tensor:
    """I, (sequences, N), on the CPU. Experts of group 0 come first, then those of group 1, and so on.

    Args:
        types: of each sequence.
        experts: N.
        how: options.
    """
    groups = torch.arange(experts) // (experts // how.groups)
    matching = torch.tensor(types, dtype=torch.int64).unsqueeze(-1) == groups
    delta = how.delta if how.sign == "paper" else -how.delta
    return torch.where(matching, 1.0 + delta, 1.0 - delta)


def _sent(values: torch.Tensor, *, to: torch.device) -> torch.Tensor:
    """Values of the host's, on a device that it does not wait for."""
    return (values.pin_memory() if to.type == "cuda" else values).to(to, non_blocking=True)


def dispersion(values: torch.Tensor, *, formula: Formula) -> torch.Tensor:
    """σ²/μ, or σ²/μ², over the last dimension; σ² is the unbiased variance."""
    mean = values.mean(-1)
    return values.var(-1) / (mean if formula == "paper" else mean.square())
