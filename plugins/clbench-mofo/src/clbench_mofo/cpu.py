"""The compiled pass of one optimizer on a CPU: what `compiled` loops over, and what is likely of thresholds.

Whether torch's build rounds a product and a sum together is tried once; where its bits are not met (`fits`) its own
operations are used. Roots are torch's own in any case, whose last bit is not always that of the nearest number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench_mofo import compiled, moving
from clbench_mofo.slices import Counted
from clbench_mofo.threads import spread
from clbench_mofo.trial import TRIED, by_torch, changed, tried

KINDS = (torch.float32, torch.bfloat16)
MARGIN = 0.02  # of a threshold, by which the next one may be lower or higher without a second look
TOGETHER = 1 << 19
"""Entries of small tensors that are selected before any is moved: their lists stay in the cache."""
LARGE = 2.0**40
"""Squares of what is smaller have a finite sum, however many there are."""


class CpuPass:
    """Room to work in, and each tensor's last threshold, on which no result depends."""

    def __init__(self, *, joined: bool) -> None:
        self._joined = joined
        self._rooms: list[tuple[Any, ...]] = []  # of threads that are done
        self._thresholds: dict[bytes, Any] = {}  # of a batch, by its addresses

    def update(self, counted: Sequence[Counted], group: Mapping[str, Any]) -> None:
        """Moments, selection and update of whole tensors, each of which is a population.

        Args:
            counted: of fp32 or bf16, with contiguous gradients of the same dtype.
            group: the options.
        """
        beta1, beta2 = group["betas"]
        first = np.float32(1 - beta1)
        betas = np.array([first, first - np.float32(1), beta2, 1 - beta2], np.float32)
        decay = 1 - group["lr"] * group["weight_decay"]

        def work(batch: Sequence[Counted]) -> None:
            numbers = [(decay, one.root, group["eps"], -one.step_size) for one in batch]
            self._update(batch, np.array(numbers, np.float32), betas, group["fraction"])

        spread(work, [batch for _, some in _kinds(counted) for batch in _batches(some)])

    def _update(self, batch: Sequence[Counted], numbers: Any, betas: Any, share: float) -> None:
        addresses, entries, halves = _addresses(batch), _entries(batch), batch[0].param.dtype == torch.bfloat16
        ranks = np.maximum(1, (share * entries).astype(np.int64)) if share < 1 else entries
        lists = self._rooms.pop() if self._rooms else _room(0)
        if len(lists[0]) < entries.sum() + compiled.SPARE:
            lists = _room(int(entries.sum()))
        key = addresses[:, 0].tobytes()
        before = self._thresholds.get(key)
        guesses = _guesses(before, len(batch)).view(np.int32)
        begins = compiled.select(addresses, entries, ranks, halves, betas, self._joined, guesses, lists)
        self._thresholds[key] = guesses[0].view(np.float32), None if before is None else before[0]
        torch.from_numpy(lists[2][: begins[-1]]).sqrt_()
        moving.move(addresses, entries, halves, begins, guesses[0], lists, numbers)
        self._rooms.append(lists)


def _guesses(known: tuple[Any, Any] | None, tensors: int) -> Any:
    """(2, tensors) fp32: what the next threshold is hardly below, and hardly above.

    It may differ by `MARGIN`, and by as much as the last one has grown, or twice as much as that one fell.
    """
    low, high = np.zeros(tensors, np.float32), np.full(tensors, np.inf, np.float32)
    if known is None or known[1] is None:
        return np.stack([low, high])
    now, before = known
    moved = np.divide(now - before, before, out=np.ones(tensors, np.float32), where=before > 0)
    by = np.float32(MARGIN) + np.maximum(moved, -2 * moved)
    return np.stack([now * np.maximum(0, 1 - by), now * (1 + by)])


def are_small(gradients: Sequence[Tensor]) -> bool:
    """Whether none is NaN, infinite or so large that the norm may overflow; contiguous, fp32 or bf16."""
    for kind in KINDS:
        some = [one for one in gradients if one.dtype == kind]
        addresses = np.array([one.data_ptr() for one in some], np.int64)
        entries = np.array([one.numel() for one in some], np.int64)
        if some and compiled.largest(addresses, entries, kind == torch.bfloat16) >= np.float32(LARGE).view(np.int32):
            return False
    return True


def _room(entries: int) -> tuple[Any, ...]:
    kinds = (np.uint32, np.float32, np.float32, np.int32)
    return tuple(np.empty(entries + compiled.SPARE, kind) for kind in kinds)


def _kinds(counted: Sequence[Counted]) -> Iterator[tuple[torch.dtype, list[Counted]]]:
    for kind in KINDS:
        if some := [one for one in counted if one.param.dtype == kind]:
            yield kind, some


def _batches(counted: Sequence[Counted]) -> Iterator[list[Counted]]:
    """Tensors in order, as many as make `TOGETHER` entries, or one larger one."""
    batch: list[Counted] = []
    entries = 0
    for one in counted:
        size = one.param.numel()
        if batch and entries + size > TOGETHER:
            yield batch
            batch, entries = [], 0
        batch.append(one)
        entries += size
    if batch:
        yield batch


def _addresses(counted: Sequence[Counted]) -> Any:
    tensors = [(one.param, one.grad, one.exp_avg, one.exp_avg_sq) for one in counted]
    return np.array([[part.data_ptr() for part in parts] for parts in tensors], np.int64)


def _entries(counted: Sequence[Counted]) -> Any:
    return np.array([one.param.numel() for one in counted], np.int64)


@cache
def fits() -> bool | None:
    """Whether torch's build here joins products and sums, as `joined`; None where its bits are met in neither way."""
    here = torch.device("cpu")
    wanted = by_torch(here)
    for joined in (True, False):
        one = tried(here)
        CpuPass(joined=joined).update([one], TRIED)
        if all(torch.equal(*pair) for pair in zip(changed(one), wanted, strict=True)):
            return joined
    return None
