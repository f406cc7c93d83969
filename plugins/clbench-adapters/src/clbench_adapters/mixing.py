"""Adapters of all tasks at once, mixed for each row of a batch.

    y = W x + (α/r) Σ_i a_i B_i A_i drop(x)                 a: weights of the row's prompt

All A stand below each other and all B beside each other, so that the sum over tasks is the second product's own. Past
adapters are kept as they are; the present one is peft's, whose own forward pass is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)

from clbench_peft.inject import ADAPTER
from clbench_peft.kept import Kept


class Mixing(Kept):
    """Those that all answer every row, each with a weight."""

    def __init__(self, layers: Mapping[str, Any], scale: float, *, label: str) -> None:
        super().__init__(layers, scale, label=label)
        self.present = True  # whether the adapter that is trained takes part, as the last one
        self.weights: torch.Tensor | None = None  # (rows, tasks) of the pass under way; None: the base model's
        for layer in self.layers.values():
            layer._disable_adapters = True

    def _sides(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        layer = self.layers[name]
        pairs = [tuple(self.kept[name])] if name in self.kept else []
        if self.present:
            pairs.append((layer.lora_A[ADAPTER].weight[None], layer.lora_B[ADAPTER].weight[None]))
        a, b = (torch.cat(side) for side in zip(*pairs, strict=True))
        return a, b

    def added(self, name: str, x: torch.Tensor) -> torch.Tensor | None:
        """What a layer's adapters add to its output, or None."""
        weights = self.weights
        if weights is None:
            return None
        a, b = self._sides(name)
        rows = self.rows(name, x, len(weights))
        hidden = F.linear(self.layers[name].lora_dropout[ADAPTER](rows), a.flatten(0, 1).to(rows.dtype))
        share = (weights * self.scale).to(hidden.dtype)[:, None, :, None]
        mixed = (hidden.unflatten(-1, a.shape[:2]) * share).flatten(-2)
        return F.linear(mixed, b.transpose(0, 1).flatten(1).to(mixed.dtype))
