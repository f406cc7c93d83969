"""Adapters of all tasks at once, mixed for each row of a batch.

    y = W x + (α/r) Σ_i a_i B_i A_i drop(x)                 a: weights of the row's prompt

All A stand below each other and all B beside each other, so that the sum over tasks is the second product's own. Past
adapters are kept as they are; the present one is peft's, whose own forward pass is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)

from clbench.base.errors import RunError
from clbench_peft.inject import ADAPTER


class Mixing:
    """By layer, the A (tasks, rank, inputs) and B (tasks, outputs, rank) of all finished tasks.

    Args:
        layers: peft's LoRA layers, by name.
        scale: α/r.
        label: of the method, for messages.
    """

    def __init__(self, layers: Mapping[str, Any], scale: float, *, label: str) -> None:
        self.layers, self.scale, self.label = dict(layers), scale, label
        self.kept: dict[str, list[torch.Tensor]] = {}
        self.present = True  # whether the adapter that is trained takes part, as the last one
        self.weights: torch.Tensor | None = None  # (rows, tasks) of the pass under way; None: the base model's
        self.width = 0  # tokens a row in it
        for name, layer in self.layers.items():
            layer._disable_adapters = True
            layer.register_forward_hook(_adding(name, self))

    @torch.no_grad()
    def keep(self) -> None:
        """Copy what the layers' adapter has become, as one task's more."""
        for name, layer in self.layers.items():
            new = [side[ADAPTER].weight.detach().clone()[None] for side in (layer.lora_A, layer.lora_B)]
            known = self.kept.get(name)
            self.kept[name] = new if known is None else [torch.cat(pair) for pair in zip(known, new, strict=True)]

    def place(self, device: torch.device) -> None:
        """Where the model is; a checkpoint leaves them on the CPU."""
        self.kept = {name: [one.to(device) for one in pair] for name, pair in self.kept.items()}

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
        flat = x.dim() == 2 and len(x) == len(weights) * self.width  # some models flatten rows before a layer
        if not flat and (x.dim() != 3 or len(x) != len(weights)):
            raise RunError(
                f"{self.label}: {name} does not see every token of a prompt (experts do not); name other targets"
            )
        a, b = self._sides(name)
        rows = x.view(len(weights), self.width, -1) if flat else x
        hidden = F.linear(self.layers[name].lora_dropout[ADAPTER](rows), a.flatten(0, 1).to(rows.dtype))
        share = (weights * self.scale).to(hidden.dtype)[:, None, :, None]
        mixed = (hidden.unflatten(-1, a.shape[:2]) * share).flatten(-2)
        found = F.linear(mixed, b.transpose(0, 1).flatten(1).to(mixed.dtype))
        return found.flatten(0, 1) if flat else found

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(one.nbytes for pair in self.kept.values() for one in pair)


def _adding(name: str, mixing: Mixing) -> Callable[..., torch.Tensor | None]:
    def add(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        more = mixing.added(name, inputs[0]) if layer is mixing.layers[name] else None  # a copy of the model has it too
        return None if more is None else output + more.to(output.dtype)

    return add
