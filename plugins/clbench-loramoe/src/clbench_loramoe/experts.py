"""A frozen linear layer with N low-rank experts beside it, all of them computed at once.

Dou et al., LoRAMoE (arXiv:2312.09979), section 3. For an input x of d numbers and an output of o:

    g = softmax(R x)                    R: (N, d), no bias; softmax in fp32
    y = W x + Σ_i g_i · α/r · B_i A_i drop(x)       A_i: (r, d), B_i: (o, r)

The A_i lie below each other in one matrix (N·r, d), the B_i beside each other in one (o, N·r). Then the sum over
experts is the second product's own sum over its inner dimension, once A x is weighted by g:

    y = W x + B (g ⊗ α/r ∘ A drop(x))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import nn

from clbench_loramoe.config import DropoutMask, ExpertConfig

if TYPE_CHECKING:
    from transformers.pytorch_utils import Conv1D

Recording = Literal["never", "training", "always"]


def route(x: torch.Tensor, router: torch.Tensor) -> torch.Tensor:
    """Weights of the experts, (…, N) in fp32, which sum to 1.

    Args:
        x: (…, d).
        router: R, (N, d).
    """
    return F.softmax(F.linear(x, router), dim=-1, dtype=torch.float32)


def project(
    x: torch.Tensor, down: torch.Tensor, *, experts: int, dropout: float = 0.0, mask: DropoutMask = "shared"
) -> torch.Tensor:
    """A_i drop(x) of all experts, (…, N, r).

    Args:
        x: (…, d).
        down: all A_i, (N·r, d).
        experts: N.
        dropout: 0–1; draws from torch's global generator, as all dropout does.
        mask: one for all experts, or one for each.
    """
    if dropout and mask == "per-expert":
        dropped = F.dropout(x.unsqueeze(-2).expand(*x.shape[:-1], experts, x.shape[-1]), dropout)
        return torch.einsum("...nd,nrd->...nr", dropped, down.unflatten(0, (experts, -1)))
    return F.linear(F.dropout(x, dropout) if dropout else x, down).unflatten(-1, (experts, -1))


def add_experts(
    output: torch.Tensor, hidden: torch.Tensor, *, weights: torch.Tensor, up: torch.Tensor, scaling: float
) -> torch.Tensor:
    """W x + Σ_i g_i · α/r · B_i h_i, (…, o).

    Args:
        output: W x, (…, o).
        hidden: h_i = A_i drop(x), (…, N, r).
        weights: g, (…, N).
        up: all B_i, (o, N·r).
        scaling: α/r.
    """
    weighted = hidden * (weights * scaling).to(hidden.dtype).unsqueeze(-1)
    flat = output.reshape(-1, output.shape[-1])
    return torch.addmm(flat, weighted.reshape(len(flat), -1), up.t()).view(output.shape)


class ExpertLinear(nn.Module):
    """A linear layer, frozen, and its experts.

    B is 0 at first, so that the output is the base layer's, bit for bit. A and R begin as `nn.Linear` does (Kaiming
    uniform, a = √5), drawn on the CPU from torch's global generator: the same on every device.

    Args:
        base_layer: `nn.Linear`, or GPT-2's `Conv1D`.
        config: the experts' shape.
    """

    def __init__(self, base_layer: nn.Linear | Conv1D, *, config: ExpertConfig) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.config = config
        self.scaling = config.alpha / config.rank
        weight = base_layer.weight  # perhaps quantised, in a shape of its own
        linear = isinstance(base_layer, nn.Linear)
        inputs, outputs = (base_layer.in_features, base_layer.out_features) if linear else weight.shape
        width = config.experts * config.rank
        self.down = _parameter(_kaiming(width, inputs), like=weight)
        self.up = _parameter(torch.zeros(outputs, width), like=weight)
        self.router = _parameter(_kaiming(config.experts, inputs), like=weight)
        self.recording: Recording = "never"
        self.routed: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, d) to (…, o)."""
        config = self.config
        weights = route(x, self.router)
        if self._records():
            self.routed = weights
        hidden = project(
            x,
            self.down,
            experts=config.experts,
            dropout=config.dropout if self.training else 0.0,
            mask=config.dropout_mask,
        )
        return add_experts(self.base_layer(x), hidden, weights=weights, up=self.up, scaling=self.scaling)

    def _records(self) -> bool:
        if self.recording == "training":  # evaluation, and passes without a graph, leave nothing behind
            return self.training and torch.is_grad_enabled()
        return self.recording == "always"

    def take_routed(self) -> torch.Tensor | None:
        """The router weights (…, N) of the last recorded pass; they are forgotten."""
        routed, self.routed = self.routed, None
        return routed


def _kaiming(rows: int, columns: int) -> torch.Tensor:
    return nn.init.kaiming_uniform_(torch.empty(rows, columns), a=math.sqrt(5))


def _parameter(values: torch.Tensor, *, like: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values.to(device=like.device, dtype=like.dtype if like.is_floating_point() else values.dtype))


@contextmanager
def recorded(layers: Iterable[ExpertLinear]) -> Iterator[None]:
    """Inside, every pass leaves its router weights in `routed`, whatever the mode."""
    before: list[tuple[ExpertLinear, Recording]] = [(layer, layer.recording) for layer in layers]
    for layer, _ in before:
        layer.recording = "always"
    try:
        yield
    finally:
        for layer, recording in before:
            layer.recording, layer.routed = recording, None
