"""A step of some thousand numbers by torch's operations, whose bits a pass of our own must meet before it is taken."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clbench_mofo.slices import Counted
from clbench_mofo.update import select, update_moments, update_params

ENTRIES = 4099
TRIED: dict[str, Any] = {
    "betas": (0.9, 0.95),
    "eps": 1e-8,
    "lr": 1e-3,
    "weight_decay": 0.1,
    "fraction": 0.15,
    "score": "momentum",
    "scope": "tensor",
    "shards": 1,
    "decay": "all",
}
"""The group's options."""


def tried(device: torch.device) -> Counted:
    """The tensor, before the step."""
    values = torch.randn(4, ENTRIES, generator=torch.Generator().manual_seed(0))
    values[3].square_()
    parts = [one.to(device).clone() for one in values]
    return Counted("tried", *parts, step_size=2e-3, root=0.3)


def by_torch(device: torch.device) -> tuple[Tensor, ...]:
    """What the step changes: weights and both moments."""
    one = tried(device)
    update_moments([one.flat()], betas=TRIED["betas"])
    update_params(select([one.flat()], TRIED, None), TRIED)
    return changed(one)


def changed(one: Counted) -> tuple[Tensor, ...]:
    """Weights and both moments."""
    return one.param, one.exp_avg, one.exp_avg_sq
