"""What a model's blocks give in a pass, heard where they give it, with its graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from clbench.models.layers import blocks


class Hearing:
    """Hooks on a model's blocks that keep the hidden states of the last pass that was listened to.

    Args:
        model: whose blocks; a copy of it keeps the hooks, and is not heard.
    """

    def __init__(self, model: Any) -> None:
        self._blocks = [block for _, block in blocks(model)]
        self._heard: dict[int, torch.Tensor] = {}
        self._into: dict[int, torch.Tensor] | None = None
        for place, block in enumerate(self._blocks):
            block.register_forward_hook(self._hook(place))

    def _hook(self, place: int) -> Any:
        def hear(block: torch.nn.Module, inputs: Any, output: Any) -> None:
            if block is self._blocks[place]:
                states = output[0] if isinstance(output, tuple | list) else output
                if self._into is not None:
                    self._into[place] = states
                elif block.training and torch.is_grad_enabled():
                    self._heard[place] = states

        return hear

    def take(self) -> list[torch.Tensor]:
        """Those of the last training pass (rows, tokens, width), a tensor a block; they are forgotten."""
        found, self._heard = self._heard, {}
        return [found[place] for place in sorted(found)]

    @contextlib.contextmanager
    def aside(self) -> Iterator[list[torch.Tensor]]:
        """Within, passes are heard apart; the list has them when it is over."""
        found: list[torch.Tensor] = []
        self._into = {}
        try:
            yield found
            found += [self._into[place] for place in sorted(self._into)]
        finally:
            self._into = None


def disagreement(ours: list[torch.Tensor], theirs: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of hidden states, a number a row.

    Args:
        ours: a tensor a block, (rows, tokens, width).
        theirs: the same.
        mask: (rows, tokens), 0 at padding, which does not count.
    """
    inside = mask / mask.sum(1, keepdim=True)
    pairs = zip(ours, theirs, strict=True)
    return torch.stack([((a.float() - b.float()).square().mean(-1) * inside).sum(1) for a, b in pairs]).mean(0)
