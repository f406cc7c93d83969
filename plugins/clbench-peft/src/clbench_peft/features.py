"""What a frozen base model makes of a prompt: its last hidden states, one vector a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from clbench import Run
from clbench.data.batches import micro_batches, right_pad
from clbench.data.tokenising import Encoded
from clbench.models import memory
from clbench.training.losses import autocast, evaluating

Pooling = Literal["mean", "last"]
ROWS = 16  # at once


def pool(hidden: torch.Tensor, lengths: torch.Tensor, how: Pooling) -> torch.Tensor:
    """One vector a row, in fp32.

    Args:
        hidden: (rows, tokens, width); what is behind a row's length is not looked at.
        lengths: (rows), tokens of each; at least one.
        how: `mean` over a row's tokens, or its `last` one.
    """
    if how == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1].float()
    inside = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
    return hidden.float().masked_fill(~inside[..., None], 0).sum(1) / lengths[:, None]


@torch.no_grad()
def features(run: Run, prompts: Sequence[Sequence[int]], *, how: Pooling) -> torch.Tensor:
    """Of prompts under the model as it is, without dropout: (prompts, width), fp32.

    Args:
        run: with the model; it is run below its head, so that hooks on the whole model take no notice.
        prompts: tokens; one without any is what it is of nothing: zeros.
        how: see `pool`.
    """
    rows = [Encoded(tuple(ids), 0) for ids in prompts if len(ids)]
    found: dict[int, torch.Tensor] = {}
    body: Any = run.model.base_model
    if rows:
        tokens = memory.room(run.model, run.device, width=max(len(one.ids) for one in rows))
        with evaluating(run.model), autocast(run.protocol, run.device):
            for some in micro_batches(rows, size=ROWS, tokens=tokens):
                ids = right_pad([one.ids for one in some], pad=0)[0].to(run.device)
                lengths = torch.tensor([len(one.ids) for one in some], device=run.device)
                hidden = body(input_ids=ids, use_cache=False)[0]
                found.update(zip(map(id, some), pool(hidden, lengths, how), strict=True))
    given = iter(rows)
    empty = torch.zeros(width(run.model), device=run.device)
    return torch.stack([found[id(next(given))] if len(ids) else empty for ids in prompts])


def width(model: Any) -> int:
    """Of hidden states and token embeddings."""
    return int(model.config.get_text_config().hidden_size)
