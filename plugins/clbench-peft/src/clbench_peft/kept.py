"""Finished adapters of many tasks beside a model's layers: how they are kept, and where what they add comes in.

What they add for the rows of a pass is a subclass's own: `banks` gives each row one of them, others mix them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from clbench.base.errors import RunError
from clbench_peft.inject import ADAPTER


class Kept:
    """By layer, the A (tasks, rank, inputs) and B (tasks, outputs, rank) of all finished tasks.

    Args:
        layers: peft's LoRA layers, by name.
        scale: α/r.
        label: of the method, for messages.
    """

    def __init__(self, layers: Mapping[str, Any], scale: float, *, label: str) -> None:
        self.layers, self.scale, self.label = dict(layers), scale, label
        self.kept: dict[str, list[torch.Tensor]] = {}
        self.width = 0  # tokens a row in the pass under way
        for name, layer in self.layers.items():
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

    def added(self, name: str, x: torch.Tensor) -> torch.Tensor | None:
        """What a layer's adapters add to its output, or None."""
        raise NotImplementedError

    def rows(self, name: str, x: torch.Tensor, number: int) -> torch.Tensor:
        """A layer's input as (rows, tokens, inputs); some models flatten rows before a layer.

        Raises:
            RunError: the layer does not see every token of a row.
        """
        if x.dim() == 2 and len(x) == number * self.width:
            return x.view(number, self.width, -1)
        if x.dim() != 3 or len(x) != number:
            raise RunError(
                f"{self.label}: {name} does not see every token of a prompt (experts do not); name other targets"
            )
        return x

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(one.nbytes for pair in self.kept.values() for one in pair)


def _adding(name: str, kept: Kept) -> Callable[..., torch.Tensor | None]:
    def add(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        more = kept.added(name, inputs[0]) if layer is kept.layers[name] else None  # a copy of the model has the hook
        return None if more is None else output + more.view_as(output).to(output.dtype)

    return add
