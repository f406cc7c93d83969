"""Exact selection: the k-th largest magnitude of up to billions of numbers, without sorting them.

Floyd and Rivest's SELECT (Communications of the ACM 18(3), 1975) in torch operations: a sample of n^(2/3) entries
gives a bracket that holds the answer almost surely; one pass counts what lies above it and keeps what lies inside;
the rest is the same problem on about 1 % of the numbers. Counting shows whether the bracket held. When it did not,
torch selects among all numbers: slower, never different.

The sample is strided, not drawn: no generator is touched, and a run is repeatable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

SMALL = 1 << 14
"""Entries up to which torch's own selection is the faster one (it takes some 50 µs)."""

CHUNK = 1 << 19
"""Entries worked on at once on a CPU, so that intermediates stay in its cache."""

_SIGMAS = 5.0
"""Half-width of the bracket in standard deviations of a sample quantile; a miss costs time only."""


def kth_largest(parts: Sequence[Tensor], k: int) -> Tensor:
    """The k-th largest of all |x| in `parts`, taken as one population.

    Args:
        parts: one or more 1-D tensors of one floating dtype and device, without NaN; at least one entry in all.
        k: 1 … number of entries.

    Returns:
        A 0-dimensional tensor on the device. Off the CPU nothing waits for the device.
    """
    n = sum(part.numel() for part in parts)
    assert 1 <= k <= n, f"k={k} of {n} entries"
    if n <= SMALL or parts[0].device.type != "cpu":
        return _direct(parts, k)
    low, high = _bracket(parts, k, n)
    above, inside = _split(parts, low, high)
    count = sum(part.numel() for part in inside)
    if not above < k <= above + count:
        return _direct(parts, k)
    if low == high:  # all candidates are equal, as in a tensor of zeros
        return torch.full((), low, dtype=parts[0].dtype)
    shrunk = count <= n // 2  # heavy ties may not shrink, and recursion must end
    return (kth_largest if shrunk else _direct)(inside, k - above)


def _direct(parts: Sequence[Tensor], k: int) -> Tensor:
    """Torch's own selection, from the side that leaves less to write."""
    values = torch.cat([part.abs() for part in parts])
    if k <= values.numel() // 2:
        return values.topk(k, sorted=False).values.amin()
    return values.topk(values.numel() - k + 1, largest=False, sorted=False).values.amax()


def _bracket(parts: Sequence[Tensor], k: int, n: int) -> tuple[float, float]:
    """Two values that hold the k-th largest magnitude between them, almost surely."""
    sample = _sample(parts, stride=round(n ** (1 / 3)) | 1)  # odd: an even one would visit few columns of a matrix
    size, share = sample.numel(), k / n
    margin = _SIGMAS * math.sqrt(size * share * (1 - share)) + 1
    upper, lower = math.floor(size * share - margin), math.ceil(size * share + margin)
    high = kth_largest([sample], upper).item() if upper >= 1 else math.inf
    low = kth_largest([sample], lower).item() if lower <= size else 0.0
    return low, high


def _sample(parts: Sequence[Tensor], *, stride: int) -> Tensor:
    """Every `stride`-th entry, counted across the parts, however small they are."""
    taken, start = [], 0
    for part in parts:
        taken.append(part[start::stride].abs())
        start = (start - part.numel()) % stride
    return torch.cat(taken)


def _split(parts: Sequence[Tensor], low: float, high: float) -> tuple[int, list[Tensor]]:
    """How many magnitudes lie above `high`, and those in [low, high]; when these are one number, as views of it.

    Comparisons write floats, not bools: torch vectorises them only when input and output have one dtype.
    """
    above, inside = 0, []
    for chunk in _chunks(parts):
        values = chunk.abs()
        over, reach = torch.empty_like(values), torch.empty_like(values)
        torch.gt(values, high, out=over)
        torch.ge(values, low, out=reach)
        above += int(over.sum())  # exact: a chunk has fewer than 2^24 entries
        reach.sub_(over)
        if low == high:
            inside.append(values.new_full((), low).expand(int(reach.sum())))
        else:
            inside.append(_compact(values, reach.bool()))
    return above, inside


def _compact(values: Tensor, mask: Tensor) -> Tensor:
    """`values[mask]` for a mask that is almost empty: only eights that hold something are looked into."""
    if values.numel() % 8:
        return values[mask]
    eights = mask.view(torch.int64).nonzero().squeeze(1)
    return values.view(-1, 8).index_select(0, eights)[mask.view(-1, 8).index_select(0, eights)]


def _chunks(parts: Sequence[Tensor]) -> Iterator[Tensor]:
    for part in parts:
        yield from part.split(CHUNK)


def keep_largest(values: Tensor, threshold: Tensor) -> Tensor:
    """`values` with every entry of a magnitude below `threshold` set to zero; entries at the threshold stay.

    Args:
        values: 1-D, floating, without NaN.
        threshold: 0-dimensional, of the same dtype and device, not negative.
    """
    if values.device.type != "cpu":  # reading the threshold would make the host wait
        return torch.where(values.abs() >= threshold, values, 0.0)
    if threshold == 0:
        return values
    # One vectorised pass. hardshrink keeps |x| > λ, and |x| ≥ τ is |x| > the float before τ.
    return torch.nn.functional.hardshrink(values, torch.nextafter(threshold, torch.zeros_like(threshold)).item())
