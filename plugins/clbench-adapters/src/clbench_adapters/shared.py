"""A second low-rank adapter beside peft's, trained in its place at times: what all tasks have in common."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import nn

from clbench_peft.banks import without
from clbench_peft.inject import ADAPTER


class SharedAdapter(nn.Module):
    """By layer, A (rank, inputs), kaiming, and B (outputs, rank), 0; it takes part where it is `active` alone.

    Args:
        layers: peft's LoRA layers, by name; beside each stands one of the same shape.
        scale: α/r.
    """

    def __init__(self, layers: Mapping[str, Any], scale: float) -> None:
        super().__init__()
        own = [(layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight) for layer in layers.values()]
        self.down = nn.ParameterList([nn.init.kaiming_uniform_(torch.empty_like(a), a=math.sqrt(5)) for a, _ in own])
        self.up = nn.ParameterList([torch.zeros_like(b) for _, b in own])
        self.active = False
        for place, layer in enumerate(layers.values()):
            layer.register_forward_hook(_adding(self, place, layer, scale))

    @contextlib.contextmanager
    def instead(self, layers: Mapping[str, Any]) -> Iterator[None]:
        """Within, it stands in the place of peft's adapter."""
        self.active = True
        try:
            with without(layers):
                yield
        finally:
            self.active = False


def _adding(shared: SharedAdapter, place: int, own: Any, scale: float) -> Callable[..., torch.Tensor | None]:
    def add(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        if not shared.active or layer is not own:  # a copy of the model has the hook
            return None
        x = own.lora_dropout[ADAPTER](inputs[0])
        more = F.linear(F.linear(x, shared.down[place].to(x.dtype)), shared.up[place].to(x.dtype))
        return output + (more * scale).to(output.dtype)

    return add
