"""Exact selection from tensors of which several processes hold parts: the same entries as of the whole tensors.

The bits of a float without its sign are an integer, in the order of the magnitudes (IEEE 754). So the k-th largest is
found digit by digit, as a radix sort finds it, eight bits at a time: each process counts its entries by digit, the
counts are added up, and the digit in whose count the rank lies is the next one. Four sums of integers for all tensors
of a step, whatever their sizes; nothing rounds, so the number of processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from clbench.base.errors import OptionError
from clbench_mofo.slices import Slice, partition

Sum = Callable[[Tensor], Tensor]
"""Adds up a tensor of counts over processes, in place or not."""
DIGIT, DIGITS = 8, 4


def kth_largest(populations: Sequence[Sequence[Tensor]], ranks: Sequence[int], *, add: Sum) -> list[Tensor]:
    """Of each population, the k-th largest |x| among all processes' entries.

    Args:
        populations: this process's entries of each: 1-D tensors without NaN, of fp32 or less, perhaps none.
        ranks: k of each: 1 … number of its entries in all processes.
        add: sums counts over the processes.

    Returns:
        A 0-dimensional fp32 tensor a population; the same in all processes.
    """
    keys = [[_bits(part) for part in parts] for parts in populations]
    device = keys[0][0].device
    left = torch.tensor(ranks, device=device)
    found = torch.zeros_like(left)  # the digits so far
    for shift in range(DIGIT * (DIGITS - 1), -1, -DIGIT):
        counts = add(torch.stack([_counts(parts, found[row], shift) for row, parts in enumerate(keys)]))
        above = counts.flip(1).cumsum(1).flip(1)  # entries whose digit is at least so large
        digit = (above >= left[:, None]).sum(1) - 1
        left -= (above - counts).gather(1, digit[:, None])[:, 0]
        found = (found << DIGIT) + digit
    return list(found.to(torch.int32).view(torch.float32))


def _bits(part: Tensor) -> Tensor:
    assert part.dtype != torch.float64, "the bits of fp32 are looked at"
    return part.detach().abs().float().view(torch.int32)


def _counts(parts: Sequence[Tensor], found: Tensor, shift: int) -> Tensor:
    """Entries by their next digit, of those whose digits so far are those that were found."""
    inside = [part[(part >> (shift + DIGIT)) == found] if shift + DIGIT < 32 else part for part in parts]
    return torch.stack([torch.bincount((one >> shift) & (2**DIGIT - 1), minlength=2**DIGIT) for one in inside]).sum(0)


def select(slices: Sequence[Slice], sizes: Sequence[int], group: Mapping[str, Any], *, add: Sum) -> Sequence[Slice]:
    """Give each of these parts of tensors the threshold of its population.

    Args:
        slices: this process's part of each tensor, with its scores.
        sizes: of the whole tensors, in entries.
        group: the options.
        add: see `kth_largest`.

    Raises:
        OptionError: a population that depends on how one process holds a tensor.
    """
    if group["scope"] == "shard" or group["score"] == "random":
        option = "scope=shard" if group["scope"] == "shard" else "score=random"
        raise OptionError(f"mofo.{option} is defined on whole tensors; leave FSDP off, or take another")
    parts = partition(sizes, fraction=group["fraction"], scope=group["scope"], shards=1)
    populations = [[slices[one.tensor] for one in some] for some, _ in parts]
    thresholds = kth_largest(
        [[one.ranked for one in some] for some in populations], [rank for _, rank in parts], add=add
    )
    for some, threshold in zip(populations, thresholds, strict=True):
        for one in some:
            one.threshold = threshold.to(one.ranked.dtype)
    return slices
