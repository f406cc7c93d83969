"""One compiled pass over all tensors of a group: moments, exact selection and update, for fp32 on a CPU.

The same arithmetic as `update.py`, entry by entry and bit for bit. Whether torch's build rounds a product and a sum
together is tried once; where its bits are not met (`fits`) its operations are used. While a block's new moments are in
the cache, entries above a guess (a little less than the last threshold) are collected; the k-th largest of these is
found digit by digit from the bits of |m|, whose order as integers is that of the magnitudes. A guess that was too high
costs a second look. Only selected entries are then read and moved.

It needs numba (`clbench-mofo[fast]`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import carray, njit, types  # type: ignore[import-untyped]
from numba.extending import intrinsic  # type: ignore[import-untyped]

from clbench_mofo.slices import Slice

TRIED = 4099  # numbers on which torch's bits and these are compared
DIGITS = (31, 19, 8, 0)
"""Where the digits that are selected by end: bits 30–19, 18–8 and 7–0."""
BLOCK = 4096  # entries whose moments stay in the first cache while their digits are counted
MARGIN = 0.02  # of a threshold, by which the next one may be lower without a second look
MAGNITUDE = 0x7FFFFFFF  # a float's bits without its sign


def _pointer(_: Any, address: Any) -> Any:
    """A pointer to fp32 numbers from an address."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), build


def _joined(_: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(a, b, c), build


_floats: Any = intrinsic(_pointer)
_fma: Any = intrinsic(_joined)


@njit(cache=True, error_model="numpy")
def _moments(g: Any, m: Any, v: Any, w: Any, rest: Any, beta2: Any, w2: Any, joined: Any) -> None:
    """In place: m ← m + w(g - m), or g + rest(g - m) where w ≥ .5; v ← β2 v + (1 - β2) g²."""
    if w < 0.5:
        for i in range(m.size):
            m[i] = _fma(w, g[i] - m[i], m[i])
    else:
        for i in range(m.size):
            m[i] = _fma(rest, g[i] - m[i], g[i])
    if joined:
        for i in range(v.size):
            v[i] = _fma(w2 * g[i], g[i], v[i] * beta2)
    else:
        for i in range(v.size):
            v[i] = w2 * g[i] * g[i] + v[i] * beta2


@njit(cache=True, error_model="numpy")
def _collect(bits: Any, start: Any, least: Any, places: Any, sizes: Any, found: Any) -> Any:
    """Add where magnitudes are at least `least`, and their bits, without a branch; returns how many there are now.

    What counts and indexes is unsigned: a negative index would be looked for in every step.
    """
    first = found
    for i in range(bits.size):
        places[found] = np.uint32(start + i)
        found += np.uintp((bits[i] & MAGNITUDE) >= least)
    for i in range(first, found):
        sizes[i] = bits[places[i] - np.uint32(start)] & MAGNITUDE
    return found


@njit(cache=True, error_model="numpy")
def _threshold(sizes: Any, k: Any, kept: Any) -> Any:
    """The k-th largest of some magnitudes' bits, digit by digit."""
    prefix, size = 0, sizes.size
    values = sizes
    for number in range(len(DIGITS) - 1):
        low, width = DIGITS[number + 1], DIGITS[number] - DIGITS[number + 1]
        table = np.zeros(1 << width, np.int32)
        for i in range(size):
            table[np.uint32((values[i] >> low) & ((1 << width) - 1))] += 1
        digit = table.size - 1
        while table[digit] < k:
            k -= table[digit]
            digit -= 1
        prefix = prefix << width | digit
        held = np.uintp(0)
        for i in range(size):
            kept[held] = values[i]
            held += np.uintp(values[i] >> low == prefix)
        values, size = kept, held
    return prefix


@njit(cache=True, error_model="numpy", nogil=True)
def _select(addresses: Any, entries: Any, ranks: Any, betas: Any, joined: Any, least: Any, scratch: Any) -> Any:
    """New moments of all tensors, and where the selected entries of each are.

    Args:
        addresses: (tensors, 4): of p, g, m, v.
        entries: (tensors,): how many.
        ranks: (tensors,): k, how many to select at least.
        betas: (4,) fp32: w = 1 - β1, w - 1, β2, 1 - β2.
        joined: whether a product and the sum it goes into are rounded once.
        least: (tensors,): bits of a magnitude that the threshold is hardly below; where it is, the tensor is looked
            at again. Overwritten by those for the next step.
        scratch: three arrays with room for all entries: places, their magnitudes' bits, the roots' arguments.

    Returns:
        (tensors + 1,): where each tensor's places begin.
    """
    w, rest, beta2, w2 = betas
    places, sizes, kept = scratch
    begins = np.zeros(entries.size + 1, np.int64)
    for one in range(entries.size):
        n, k, begin = entries[one], ranks[one], np.uintp(begins[one])
        g, m, v = _entries(addresses[one, 1], n), _entries(addresses[one, 2], n), _entries(addresses[one, 3], n)
        bits, found = m.view(np.int32), begin
        for at in range(0, n, BLOCK):
            end = min(n, at + BLOCK)
            _moments(g[at:end], m[at:end], v[at:end], w, rest, beta2, w2, joined)
            found = _collect(bits[at:end], at, least[one], places, sizes, found)
        if found - begin < k:
            found = _collect(bits, 0, 0, places, sizes, begin)
        threshold = _threshold(sizes[begin:found], k, kept[begin:])
        selected = begin
        for i in range(begin, found):
            places[selected] = places[i]
            selected += np.uintp(sizes[i] >= threshold)
        for i in range(begin, selected):
            kept.view(np.float32)[i] = v[places[i]]
        begins[one + 1] = selected
        least[one] = threshold
    return begins


@njit(cache=True, error_model="numpy", nogil=True)
def _move(addresses: Any, entries: Any, begins: Any, places: Any, roots: Any, scalars: Any) -> None:
    """In place: p ← decay·p - step·u / (sqrt(v)/root + ε), u = m at the places, else 0.

    Args:
        addresses: (tensors, 4): of p, g, m, v.
        entries: (tensors,): how many.
        begins: (tensors + 1,): where each tensor's places begin.
        places: of the selected entries.
        roots: sqrt(v) there.
        scalars: (tensors, 4) fp32: decay, root, ε, -step size.
    """
    for one in range(entries.size):
        n, begin, end = entries[one], np.uintp(begins[one]), np.uintp(begins[one + 1])
        p, m = _entries(addresses[one, 0], n), _entries(addresses[one, 2], n)
        decay, root, eps, step = scalars[one]
        if decay != 1:
            for i in range(n):
                p[i] *= decay
        for i in range(begin, end):
            roots[i] = step * m[places[i]] / (roots[i] / root + eps)
        for i in range(begin, end):
            p[places[i]] += roots[i]


@njit(error_model="numpy", inline="always")
def _entries(address: Any, n: Any) -> Any:
    return carray(_floats(address), n)


class Compiled:
    """The pass of one optimizer, with room to work in and each tensor's last threshold, on which no result depends."""

    def __init__(self, *, joined: bool) -> None:
        self._joined = joined
        self._scratch = (np.empty(0, np.uint32), np.empty(0, np.int32), np.empty(0, np.int32))
        self._least: dict[int, tuple[float, float]] = {}  # by address: the threshold, and what the next is hardly below

    def update(self, slices: Sequence[Slice], group: Mapping[str, Any]) -> None:
        """Moments, selection and update of whole fp32 tensors on a CPU, each of which is a population.

        The roots are torch's own, whose last bit is not always that of the nearest number.
        """
        beta1, beta2 = group["betas"]
        tensors = [(one.param, one.grad, one.exp_avg, one.exp_avg_sq) for one in slices]
        addresses = np.array([[part.data_ptr() for part in parts] for parts in tensors], np.int64)
        entries = np.array([one.param.numel() for one in slices], np.int64)
        share = group["fraction"]
        ranks = np.maximum(1, (share * entries).astype(np.int64)) if share < 1 else entries
        first = np.float32(1 - beta1)
        betas = np.array([first, first - np.float32(1), beta2, 1 - beta2], np.float32)
        keys = addresses[:, 0].tolist()
        least = np.array([self._least.get(key, (0.0, 0.0))[1] for key in keys], np.float32).view(np.int32)
        if self._scratch[0].size <= entries.sum():
            self._scratch = (*(np.empty(entries.sum() + 1, kind) for kind in (np.uint32, np.int32, np.int32)),)
        begins = _select(addresses, entries, ranks, betas, self._joined, least, self._scratch)
        self._expect(keys, least.view(np.float32))
        roots = torch.from_numpy(self._scratch[2].view(np.float32)[: begins[-1]]).sqrt_()
        decay = 1 - group["lr"] * group["weight_decay"]
        scalars = np.array([(decay, one.root, group["eps"], -one.step_size) for one in slices], np.float32)
        _move(addresses, entries, begins, self._scratch[0], roots.numpy(), scalars)

    def _expect(self, keys: Sequence[int], thresholds: Any) -> None:
        """The next threshold may be lower by twice as much as this one has moved, and by `MARGIN`."""
        for key, now in zip(keys, thresholds.tolist(), strict=True):
            before, _ = self._least.get(key, (0.0, 0.0))
            moved = abs(now - before) / before if before else 1.0
            self._least[key] = now, now * max(0.0, 1 - MARGIN - 2 * moved)


@cache
def fits() -> bool | None:
    """Whether torch's build here joins products and sums, as `joined`; None where its bits are met in neither way."""
    from clbench_mofo.update import select, update_moments, update_params

    group = {"betas": (0.9, 0.95), "eps": 1e-8, "lr": 1e-3, "weight_decay": 0.1, "fraction": 0.15}
    group |= {"score": "momentum", "scope": "tensor", "shards": 1, "decay": "all"}
    ways = [_tried() for _ in range(3)]
    update_moments([ways[0]], betas=group["betas"])
    update_params(select([ways[0]], group, None), group)
    for joined, way in zip((True, False), ways[1:], strict=True):
        Compiled(joined=joined).update([way], group)
        if all(torch.equal(*pair) for pair in zip(_changed(way), _changed(ways[0]), strict=True)):
            return joined
    return None


def _tried() -> Slice:
    values = torch.randn(4, TRIED, generator=torch.Generator().manual_seed(0))
    return Slice(values[0], values[1], values[2], values[3].square(), step_size=2e-3, root=0.3)


def _changed(one: Slice) -> tuple[torch.Tensor, ...]:
    return one.param, one.exp_avg, one.exp_avg_sq
