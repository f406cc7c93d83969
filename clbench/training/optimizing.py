"""What a protocol says of the optimizer: AdamW, and its learning rate from step to step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from clbench.spec.protocol import Protocol


def adamw(params: Sequence[torch.nn.Parameter], protocol: Protocol, *, seed: int = 0) -> torch.optim.Optimizer:
    """The protocol's optimizer.

    Args:
        params: to be trained.
        protocol: its options, and what weights and moments are kept in.
        seed: of stochastic rounding, where there is any.
    """
    import torch

    from clbench.training.lowmemory import LowMemoryAdamW

    options = {"lr": protocol.learning_rate, "betas": protocol.betas, "eps": protocol.eps}
    options["weight_decay"] = protocol.weight_decay
    if protocol.weights == "bf16" or protocol.moments != "fp32":
        return LowMemoryAdamW(params, **options, moments=protocol.moments, seed=seed)
    return torch.optim.AdamW(params, **options)


def schedule(done: int, *, total: int, kind: str, warmup_ratio: float = 0.0) -> float:
    """Learning-rate factor for the step after `done` of `total` steps: linear warm-up, then constant or cosine to 0."""
    warmup = math.ceil(warmup_ratio * total)
    if done < warmup:
        return (done + 1) / warmup
    if kind == "constant":
        return 1.0
    progress = min(1.0, (done - warmup) / max(1, total - warmup))
    return 0.5 * (1.0 + math.cos(math.pi * progress))
