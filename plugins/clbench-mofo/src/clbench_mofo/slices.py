"""Flat views of parameters with their gradients and moments, cut into populations and into batches.

A population is a set of entries that compete for the update; a batch is what is computed at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from clbench_mofo.select import CHUNK, keep_largest

Scope = Literal["tensor", "global", "shard"]

_DEVICE_BATCH = 1 << 24
"""Entries of a batch off the CPU: large enough to keep a GPU busy, small enough for its scratch memory."""


@dataclass(slots=True)
class Slice:
    """Consecutive entries of one parameter tensor; all tensors are 1-D views of the same entries.

    Args:
        param: the weights.
        grad: the gradient, in its own dtype.
        exp_avg: first moment m, fp32.
        exp_avg_sq: second moment v, fp32.
        step_size: lr / (1 - β1^t).
        root: sqrt(1 - β2^t).
        score: what entries are ranked by the magnitude of, where that is not m.
        threshold: smallest magnitude that is updated; None updates all.
    """

    param: Tensor
    grad: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    step_size: float
    root: float
    score: Tensor | None = None
    threshold: Tensor | None = None

    @property
    def ranked(self) -> Tensor:
        """What entries are ranked by the magnitude of."""
        return self.exp_avg if self.score is None else self.score

    def selected(self) -> Tensor:
        """The mask of what is updated; ties at the threshold are all in it."""
        if self.threshold is None:
            return torch.ones_like(self.param, dtype=torch.bool)
        return self.ranked.abs() >= self.threshold

    def filtered_momentum(self) -> Tensor:
        """u: the momentum where selected, else 0."""
        if self.threshold is None:
            return self.exp_avg
        if self.score is None:
            return keep_largest(self.exp_avg, self.threshold)
        return torch.where(self.selected(), self.exp_avg, 0.0)

    def cut(self, start: int, stop: int) -> Slice:
        """A part of it, in entries."""
        return replace(
            self,
            param=self.param[start:stop],
            grad=self.grad[start:stop],
            exp_avg=self.exp_avg[start:stop],
            exp_avg_sq=self.exp_avg_sq[start:stop],
            score=None if self.score is None else self.score[start:stop],
        )


@dataclass(frozen=True, slots=True)
class Population:
    """Entries that compete for the update.

    Args:
        slices: where they are.
        size: number of entries that the fraction is of; a shard's counts its padding.
    """

    slices: Sequence[Slice]
    size: int

    def quota(self, fraction: float) -> int:
        """k: how many of them are updated, at least one."""
        present = sum(one.param.numel() for one in self.slices)
        return min(present, max(1, int(fraction * self.size)))


def populations(slices: Sequence[Slice], *, scope: Scope, shards: int) -> list[Population]:
    """Which entries compete with which.

    Args:
        slices: whole tensors.
        scope: each `tensor` for itself; all together (`global`); or each tensor's `shard` on each of several ranks.
        shards: number of ranks. A rank holds ceil(n / shards) consecutive entries, the last one padded with zeros
            (DeepSpeed ZeRO).
    """
    if scope == "global":
        return [Population(slices, sum(one.param.numel() for one in slices))] if slices else []
    found = []
    for one in slices:
        n = one.param.numel()
        block = n if scope == "tensor" else -(-n // shards)
        found += [Population([one.cut(at, at + block)], block) for at in range(0, n, block)]
    return found


def batches(slices: Sequence[Slice], limit: int | None = None) -> Iterator[list[Slice]]:
    """Cut and group slices, in order, into lists of at most `limit` entries."""
    batch: list[Slice] = []
    room = 0
    for one in slices:
        size = limit or (CHUNK if one.param.device.type == "cpu" else _DEVICE_BATCH)
        n = one.param.numel()
        for at in range(0, n, size):
            stop = min(at + size, n)
            if batch and room < stop - at:
                yield batch
                batch = []
            room = (room if batch else size) - (stop - at)
            batch.append(one.cut(at, stop))
    if batch:
        yield batch
