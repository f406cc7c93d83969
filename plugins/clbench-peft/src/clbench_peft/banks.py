"""Finished adapters of many tasks on one model, where each row of a batch may be answered by another.

    y_i = W x_i + (α/r)·B_{t(i)} A_{t(i)} x_i,   t(i) the adapter of row i

All rows share the product with W; those with A and B are batched, each row with its own. So a batch costs one forward
pass whatever its rows need, and a cache of keys and values serves as it does otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from clbench_peft.kept import Kept

NONE = -1
"""The adapter of a row that the base model answers."""


class Banks(Kept):
    """Those of which each row of a batch has one."""

    def __init__(self, layers: Mapping[str, Any], scale: float, *, label: str) -> None:
        super().__init__(layers, scale, label=label)
        self._rows: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}  # of the batch: (rows, …)

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
        return (self.rows(name, x, len(a)) @ a.mT) @ b.mT

    @contextlib.contextmanager
    def answering(self, device: torch.device) -> Iterator[None]:
        """Within, the adapters that are kept answer, and not the one that is trained."""
        self.place(device)
        with without(self.layers):
            try:
                yield
            finally:
                self._rows = {}


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
