"""Finished adapters of many tasks on one model, where each row of a batch may be answered by another.

    y_i = W x_i + (α/r)·B_{t(i)} A_{t(i)} x_i,   t(i) the adapter of row i

All rows share the product with W; those with A and B are batched, each row with its own. So a batch costs one forward
pass whatever its rows need, and a cache of keys and values serves as it does otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from clbench.base.errors import RunError
from clbench_peft.inject import ADAPTER

NONE = -1
"""The adapter of a row that the base model answers."""


class Banks:
    """By layer, the A (tasks, rank, inputs) and B (tasks, outputs, rank) of all finished tasks.

    Args:
        layers: peft's LoRA layers, by name.
        scale: α/r.
        label: of the method, for messages.
    """

    def __init__(self, layers: Mapping[str, Any], scale: float, *, label: str) -> None:
        self.layers, self.scale, self.label = dict(layers), scale, label
        self.kept: dict[str, list[torch.Tensor]] = {}
        self._rows: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}  # of the batch: (rows, …)
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

    @torch.no_grad()
    def choose(self, adapters: Sequence[int], *, device: torch.device) -> None:
        """Which adapter each row of the passes to come has.

        Args:
            adapters: number from 0 of each row's, or `NONE`.
            device: of the model.
        """
        self._rows = {}
        if set(adapters) == {NONE}:
            return
        index = torch.tensor(adapters, device=device)
        share = (index != NONE).float()[:, None, None] * self.scale
        for name, (a, b) in self.kept.items():
            self._rows[name] = a[index.clamp(min=0)], b[index.clamp(min=0)] * share

    def added(self, name: str, x: torch.Tensor) -> torch.Tensor | None:
        """What a layer's adapters add to its output, or None."""
        if name not in self._rows:
            return None
        a, b = self._rows[name]
        if x.dim() == 2 and len(x) == len(a) * self.width:  # some models flatten rows before a layer
            return ((x.view(len(a), self.width, -1) @ a.mT) @ b.mT).flatten(0, 1)
        if x.dim() != 3 or len(x) != len(a):
            raise RunError(
                f"{self.label}: {name} does not see every token of a prompt (experts do not); name other targets"
            )
        return (x @ a.mT) @ b.mT

    @contextlib.contextmanager
    def answering(self, device: torch.device) -> Iterator[None]:
        """Within, the adapters that are kept answer, and not the one that is trained."""
        self.kept = {name: [one.to(device) for one in pair] for name, pair in self.kept.items()}
        with without(self.layers):
            try:
                yield
            finally:
                self._rows = {}

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(one.nbytes for pair in self.kept.values() for one in pair)


@contextlib.contextmanager
def without(layers: Mapping[str, Any]) -> Iterator[None]:
    """Within, peft's layers are the base model's. Its own switch also changes what is trained."""
    before = {name: layer._disable_adapters for name, layer in layers.items()}
    for layer in layers.values():
        layer._disable_adapters = True
    try:
        yield
    finally:
        for name, layer in layers.items():
            layer._disable_adapters = before[name]


def _adding(name: str, banks: Banks) -> Callable[..., torch.Tensor | None]:
    def add(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        more = banks.added(name, inputs[0]) if layer is banks.layers[name] else None  # a copy of the model has the hook
        return None if more is None else output + more.to(output.dtype)

    return add
