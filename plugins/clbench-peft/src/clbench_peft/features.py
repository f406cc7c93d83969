"""What a model makes of texts, without its head and without a gradient: a prompt's feature, a layer's inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch

from clbench import Run
from clbench.data.batches import micro_batches, right_pad
from clbench.data.tokenising import Encoded
from clbench.models.memory import room
from clbench.training.losses import autocast, evaluating

Pooling = Literal["mean", "last"]
ROWS = 16  # at once


def width(model: Any) -> int:
    """Of hidden states and token embeddings."""
    return int(model.config.get_text_config().hidden_size)


# --- prompts


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
        run: with the model.
        prompts: tokens; one without any has zeros.
        how: see `pool`.
    """
    rows = [Encoded(tuple(ids), 0) for ids in prompts]
    found: dict[int, torch.Tensor] = {}
    for some, ids, inside in _batches(run, [one for one in rows if one.ids]):
        found.update(zip(map(id, some), pool(_hidden(run, ids), inside.sum(1), how), strict=True))
    nothing = torch.zeros(width(run.model), device=run.device)
    return torch.stack([found.get(id(one), nothing) for one in rows])


# --- layers


class _Covariance:
    """Adds up a layer's inputs."""

    def __init__(self) -> None:
        self.sum, self.number, self.inside = torch.zeros(()), 0, torch.empty(0)

    def __call__(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        """A pass; an expert of a mixture sees some tokens, of which nobody knows which are padding."""
        x = inputs[0].flatten(0, -2)
        x = (x[self.inside.flatten()] if len(x) == self.inside.numel() else x).float()
        self.sum = self.sum.to(x.device) + x.mT @ x
        self.number += len(x)


@torch.no_grad()
def covariances(run: Run, rows: Sequence[Encoded], layers: Mapping[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """H Hᵀ / n of each layer's inputs H (width × tokens) on some texts: (width, width) each, fp64, on the CPU."""
    heard = {name: _Covariance() for name in layers}
    with contextlib.ExitStack() as stack:
        for name, layer in layers.items():
            stack.callback(layer.register_forward_pre_hook(heard[name]).remove)
        for _, ids, inside in _batches(run, rows):
            for one in heard.values():
                one.inside = inside
            _hidden(run, ids)
    return {name: one.sum.cpu().double() / one.number for name, one in heard.items()}


# --- passes


def _batches(run: Run, rows: Sequence[Encoded]) -> Iterator[tuple[list[Encoded], torch.Tensor, torch.Tensor]]:
    """Texts of like lengths, their tokens (rows, tokens), and which of those are no padding."""
    tokens = room(run.model, run.device, width=max((len(one.ids) for one in rows), default=1))
    for some in micro_batches(rows, size=ROWS, tokens=tokens):
        ids, mask = right_pad([one.ids for one in some], pad=0)
        yield some, ids.to(run.device), mask.bool().to(run.device)


def _hidden(run: Run, ids: torch.Tensor) -> torch.Tensor:
    """Last hidden states; hooks on the whole model take no notice."""
    body: Any = run.model.base_model
    with evaluating(run.model), autocast(run.protocol, run.device):
        return body(input_ids=ids, use_cache=False)[0]
