"""Compiled loops over a tensor for a CPU: moments, exact selection and update, in two passes over memory.

The same arithmetic as `update.py`, entry by entry and bit for bit. While a block's new moments are in the first cache,
those of entries above a guess (a little less than the last threshold) are listed with their places; the k-th largest
magnitude of the list is found digit by digit from its bits, whose order as integers is that of the magnitudes; only
what is selected is then moved. A guess that was too high costs a second look. In bytes an entry of fp32, of which a
share f is selected and a fused AdamW moves 28:

    select    R g m v, W m v, then the list, of 12 bytes a listed one: W, R twice, W       20 + 50 f
    move      R of p, W by lines of 64 bytes; R of the list, W and R of the quotients      4 + 4 (1 - (1 - f)^16) + 20 f

That is 30 at f = .05 and 38 at .15, 1.06 and 1.36 ×, where no list stays in a cache. Weights and gradients may be bf16.

It needs numba (`clbench-mofo[fast]`); `cpu` calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types  # type: ignore[import-untyped]
from numba.extending import intrinsic  # type: ignore[import-untyped]

from clbench_mofo.listing import MAGNITUDE, keep, list_large, presses

DIGITS = (31, 19, 8, 0)
"""Where the digits that are selected by end: bits 30–19, 18–8 and 7–0."""
STRETCH = 1024  # weights that are read before some of them are moved
BLOCK = 1024 if presses() else 4096  # entries whose moments stay in the first cache while they are listed


def _pointer(kind: Any) -> Any:
    """An intrinsic: a pointer to numbers of a kind from an address."""

    def typed(_: Any, address: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(address), build

    return intrinsic(typed)


def _joined(_: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(a, b, c), build


_floats: Any = _pointer(types.float32)
_halves: Any = _pointer(types.uint16)
_fma: Any = intrinsic(_joined)


@njit(cache=True, error_model="numpy")
def _moments(g: Any, m: Any, v: Any, betas: Any, joined: Any) -> None:
    """In place: m ← m + w(g - m), or g + rest(g - m) where w ≥ .5; v ← β2 v + (1 - β2) g²."""
    w, rest, beta2, w2 = betas
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
def _threshold(sizes: Any, k: Any, kept: Any, high: Any) -> Any:
    """The bits of the k-th largest of some magnitudes, whose bits are `sizes` but for signs.

    They are parted at `high` first, as the threshold is mostly near it, and below.
    """
    above = 0
    for i in range(sizes.size):
        above += (sizes[i] & MAGNITUDE) >= high
    below = above < k
    held = keep(sizes, high, below, kept)
    return _digits(kept, held, k - above if below else k)


@njit(cache=True, error_model="numpy")
def _digits(values: Any, size: Any, k: Any) -> Any:
    """The k-th largest of the first `size` values, digit by digit; they are overwritten."""
    prefix = 0
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
            value = values[i]
            values[held] = value
            held += np.uintp(value >> low == prefix)
        size = held
    return prefix


@njit(cache=True, error_model="numpy", nogil=True)
def select(
    addresses: Any, entries: Any, ranks: Any, halves: Any, betas: Any, joined: Any, guesses: Any, lists: Any
) -> Any:
    """New moments of some tensors, and lists that hold what is selected.

    Args:
        addresses: (tensors, 4): of p, g, m, v.
        entries: (tensors,): how many.
        ranks: (tensors,): k, how many to select at least.
        halves: whether p and g are bf16.
        betas: (4,) fp32: w = 1 - β1, w - 1, β2, 1 - β2.
        joined: whether a product and the sum it goes into are rounded once.
        guesses: (2, tensors): bits of magnitudes between which the threshold is likely; any will do. The first is
            overwritten by the threshold.
        lists: places and both moments of what is listed, with room for all entries and `SPARE`, and of the largest
            tensor's entries again, to work in.

    Returns:
        (tensors + 1,): where each tensor's lists begin.
    """
    places, firsts, seconds, kept = lists
    three, sizes = (places, firsts, seconds), firsts.view(np.int32)
    begins, marks, buffer = np.zeros(entries.size + 1, np.int64), np.zeros(BLOCK, np.uint8), np.zeros(BLOCK, np.int32)
    for one in range(entries.size):
        n, k, begin = entries[one], ranks[one], np.uintp(begins[one])
        m, v, found = carray(_floats(addresses[one, 2]), n), carray(_floats(addresses[one, 3]), n), begin
        for at in range(0, n, BLOCK):
            end = min(n, at + BLOCK)
            g = _read(addresses[one, 1], n, at, end, halves, buffer)
            _moments(g, m[at:end], v[at:end], betas, joined)
            found = list_large(m[at:end], v[at:end], at, guesses[0, one], three, found, marks)
        if found - begin < k:
            found = begin
            for at in range(0, n, BLOCK):
                end = min(n, at + BLOCK)
                found = list_large(m[at:end], v[at:end], at, 0, three, found, marks)
        guesses[0, one] = _threshold(sizes[begin:found], k, kept, guesses[1, one])
        begins[one + 1] = found
    return begins


@njit(cache=True, error_model="numpy")
def _read(address: Any, n: Any, at: Any, end: Any, halves: Any, buffer: Any) -> Any:
    """Entries as fp32: themselves, or, of bf16, in the buffer."""
    if not halves:
        return carray(_floats(address), n)[at:end]
    numbers = carray(_halves(address), n)[at:end]
    for i in range(numbers.size):
        buffer[i] = np.int32(numbers[i]) << 16
    return buffer.view(np.float32)[: numbers.size]


@njit(cache=True, error_model="numpy", nogil=True)
def move(addresses: Any, entries: Any, halves: Any, begins: Any, thresholds: Any, lists: Any, scalars: Any) -> None:
    """In place: p ← decay·p - step·u / (sqrt(v)/root + ε), u = m where |m| is at least the threshold, else 0.

    What is listed and not selected moves by -0, which leaves every number as it is.

    Args:
        addresses: (tensors, 4): of p, g, m, v.
        entries: (tensors,): how many.
        halves: whether p is bf16, which is rounded once.
        begins: (tensors + 1,): where each tensor's lists begin.
        thresholds: (tensors,): their bits.
        lists: places, first moments and roots of the second ones of what is listed, and room; overwritten.
        scalars: (tensors, 4) fp32: decay, root, ε, -step size.
    """
    places, firsts, roots, read = lists
    for one in range(entries.size):
        begin, end, n = np.uintp(begins[one]), np.uintp(begins[one + 1]), entries[one]
        decay, root, eps, step = scalars[one]
        sizes = firsts.view(np.int32)
        for i in range(begin, end):
            quotient = step * firsts[i] / (roots[i] / root + eps)
            roots[i] = quotient if (sizes[i] & MAGNITUDE) >= thresholds[one] else np.float32(-0.0)
        if halves:
            _move_halves(
                carray(_halves(addresses[one, 0]), n), places[begin:end], roots[begin:end], firsts[begin:end], decay
            )
        else:
            _move_floats(carray(_floats(addresses[one, 0]), n), places[begin:end], roots[begin:end], decay, read)


@njit(cache=True, error_model="numpy")
def _move_floats(p: Any, places: Any, steps: Any, decay: Any, read: Any) -> None:
    """By stretches that are read in one go: their lines come faster than those of places one by one."""
    done, size = np.uintp(0), np.uintp(places.size)
    for at in range(np.uintp(0), np.uintp(p.size), np.uintp(STRETCH)):
        end = min(np.uintp(p.size), at + np.uintp(STRETCH))
        stretch, some = p[at:end], np.int32(0)
        bits = stretch.view(np.int32)
        if decay != 1:
            for i in range(stretch.size):
                stretch[i] *= decay
        else:
            for i in range(bits.size):
                some |= bits[i]
            read[0] = some  # or a compiler would leave the reading out
        while done < size and places[done] < end:
            p[places[done]] += steps[done]
            done += np.uintp(1)


@njit(cache=True, error_model="numpy")
def _move_halves(p: Any, places: Any, steps: Any, room: Any, decay: Any) -> None:
    """The same for bf16; `room` is as long as the places."""
    bits = room.view(np.int32)
    for i in range(np.uintp(places.size)):
        bits[i] = np.int32(p[places[i]]) << 16
    for i in range(room.size):
        room[i] = room[i] * decay + steps[i]
    if decay != 1:
        _decay_halves(p, decay)
    for i in range(np.uintp(places.size)):
        p[places[i]] = _rounded(bits[i])


@njit(cache=True, error_model="numpy")
def _decay_halves(p: Any, decay: Any) -> None:
    buffer = np.zeros(BLOCK, np.float32)
    bits = buffer.view(np.int32)
    for at in range(0, p.size, BLOCK):
        part = p[at : at + BLOCK]
        for i in range(part.size):
            bits[i] = np.int32(part[i]) << 16
        for i in range(part.size):
            buffer[i] *= decay
        for i in range(part.size):
            part[i] = _rounded(bits[i])


@njit(error_model="numpy", inline="always")
def _rounded(bits: Any) -> Any:
    """The bf16 nearest to a finite number, of two the even one."""
    return np.uint16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)


@njit(cache=True, error_model="numpy", nogil=True)
def largest(addresses: Any, entries: Any, halves: Any) -> Any:
    """The bits of the largest of all magnitudes; those of NaN and infinity are larger than any number's."""
    found, buffer = 0, np.zeros(BLOCK, np.int32)
    for one in range(entries.size):
        n = entries[one]
        for at in range(0, n, BLOCK):
            bits = _read(addresses[one], n, at, min(n, at + BLOCK), halves, buffer).view(np.int32)
            for i in range(bits.size):
                found = max(found, bits[i] & MAGNITUDE)
    return found
