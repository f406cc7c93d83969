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


@dataclass(slots=True)
class Counted:
    """One parameter tensor's part in a step that has been counted.

    Args:
        name: of the tensor.
        param: the weights.
        grad: the gradient, contiguous, in its own dtype.
        exp_avg: first moment m, at least fp32.
        exp_avg_sq: second moment v.
        step_size: lr / (1 - β1^t).
        root: sqrt(1 - β2^t).
    """

    name: str
    param: Tensor
    grad: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    step_size: float
    root: float

    def flat(self) -> Slice:
        """All of it."""
        tensors = (self.param.detach(), self.grad, self.exp_avg, self.exp_avg_sq)
        return Slice(*(one.view(-1) for one in tensors), step_size=self.step_size, root=self.root)


@dataclass(frozen=True, slots=True)
class Population:
    """Entries that compete for the update.

    Args:
        slices: where they are.
        rank: k, how many of them are updated, ties aside.
    """

    slices: Sequence[Slice]
    rank: int


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive entries, `start` to `stop`, of the tensor of a number."""

    tensor: int
    start: int
    stop: int


def populations(slices: Sequence[Slice], *, fraction: float, scope: Scope, shards: int) -> list[Population]:
    """Which of these whole tensors' entries compete with which; see `partition`."""
    sizes = [one.param.numel() for one in slices]
    return [
        Population([slices[part.tensor].cut(part.start, part.stop) for part in parts], rank)
        for parts, rank in partition(sizes, fraction=fraction, scope=scope, shards=shards)
    ]


def partition(sizes: Sequence[int], *, fraction: float, scope: Scope, shards: int) -> list[tuple[list[Part], int]]:
    """Which entries compete with which, and how many of them are to be selected.

    Args:
        sizes: of whole tensors, in entries.
        fraction: share of a population that is selected; at least one entry is.
        scope: each `tensor` for itself; all together (`global`); or each tensor's `shard` on each of several ranks.
        shards: number of ranks. A rank holds ceil(n / shards) consecutive entries, the last one padded with zeros
            (DeepSpeed ZeRO), which count for the fraction.
    """
    if scope == "global":
        whole, total = [Part(number, 0, size) for number, size in enumerate(sizes)], sum(sizes)
        return [(whole, _rank(total, fraction=fraction, padded=total))] if whole else []
    found = []
    for number, n in enumerate(sizes):
        block = n if scope == "tensor" else -(-n // shards)
        for at in range(0, n, block):
            part = Part(number, at, min(at + block, n))
            found.append(([part], _rank(part.stop - at, fraction=fraction, padded=block)))
    return found


def _rank(entries: int, *, fraction: float, padded: int) -> int:
    return min(entries, max(1, int(fraction * padded)))


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
