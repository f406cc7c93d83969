"""SAPT's attention of a prompt to the tasks' adapters, and what keeps it as it was (arXiv 2401.08295).

q(x) = LayerNorm(SiLU(W_up W_down e(x))),   e(x): the largest of its tokens' embeddings, entry by entry
a(x) = softmax(K q(x) / √d)                             one key of K for each task: shared by learning and choosing
Σ_{i<t} mean over past prompts of i: KL(p_i ‖ a(x))     p_i: mean attention of task i's prompts when it was learned
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import nn


class Query(nn.Module):
    """Of prompts, from their pooled embeddings; and the key of the task that is learned.

    Args:
        width: d, of embeddings and keys.
        inner: of W_down's output.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(inner, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.key = nn.Parameter(torch.empty(width).uniform_(-1, 1))

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """(prompts, d) to (prompts, d)."""
        return self.norm(F.silu(self.up(self.down(pooled))))


def pool(table: torch.Tensor, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """The largest embedding of each prompt's tokens, entry by entry: (prompts, d), fp32; zeros where there is none.

    Args:
        table: embeddings (vocabulary, d).
        prompts: tokens.
    """
    nothing = table.new_zeros(table.shape[1])
    found = [table[torch.tensor(list(ids), device=table.device)].amax(0) if ids else nothing for ids in prompts]
    return torch.stack(found).float()


def attend(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Log-attention (prompts, tasks).

    Args:
        queries: (prompts, d).
        keys: (tasks, d).
    """
    return F.log_softmax(queries @ keys.mT / math.sqrt(keys.shape[1]), dim=-1)


def reflection(told: torch.Tensor, remembered: torch.Tensor) -> torch.Tensor:
    """KL(p ‖ a) as a mean over prompts, in nats.

    Args:
        told: log a (prompts, tasks).
        remembered: p (tasks so far); of later tasks it is 0.
    """
    wanted = F.pad(remembered, (0, told.shape[1] - len(remembered))).expand_as(told)
    return F.kl_div(told, wanted, reduction="batchmean")


def utilisation(found: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The form that `clbench report` draws: a row a task, a column an adapter; an adapter that was not there has 0.

    Args:
        found: mean attention of each task's prompts when it was learned.
    """
    number = len(found)
    rows = [
        {"name": task, "group": None, "values": [round(one, 4) for one in (*weights, *[0.0] * (number - len(weights)))]}
        for task, weights in found.items()
    ]
    return {
        "title": "mean attention to each task's adapter, when the task was learned",
        "columns": [str(place) for place in range(1, number + 1)],
        "column_groups": ["adapters"] * number,
        "rows": rows,
    }
