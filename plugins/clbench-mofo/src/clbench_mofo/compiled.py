"""Compiled loops over a tensor for a CPU: moments and exact selection in one pass over memory; `moving` is the other.

The same arithmetic as `update.py`, entry by entry and bit for bit. While a block's new moments are in the first cache,
those of entries above a guess (a little less than the last threshold) are listed with their places; the k-th largest
magnitude of the list is found digit by digit from its bits, whose order as integers is that of the magnitudes; only
what is selected is then moved. A guess that was too high costs a second look. In bytes an entry of fp32, of which a
share f is selected and a fused AdamW moves 28:

    select    R g m v, W m v, then the list, of 12 bytes a listed one: W, R twice, W       20 + 50 f
    move      R of p, W by lines of 64 bytes; R of the list, W and R of the quotients      4 + 4 (1 - (1 - f)^16) + 20 f

That is 30 at f = .05 and 38 at .15, 1.06 and 1.36 ×, where no list stays in a cache. Weights and gradients may be bf16.

What is listed is written without a branch, in two ways of the same result: by sixteens where the processor presses the
chosen ones of a vector together (AVX-512), else by eights, whose places are looked up. What counts and indexes is
unsigned: a negative index would be looked for in every step.

It needs numba (`clbench-mofo[fast]`); `cpu` calls it. numba keeps what it has compiled until the file that it stands in
changes, whatever else has: so what these loops call stands here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import carray, config, njit, types  # type: ignore[import-untyped]
from numba.core import cgutils  # type: ignore[import-untyped]
from numba.extending import intrinsic  # type: ignore[import-untyped]

DIGITS = (31, 19, 8, 0)
"""Where the digits that are selected by end: bits 30–19, 18–8 and 7–0."""
MAGNITUDE = 0x7FFFFFFF  # a float's bits without its sign
SPARE = 16  # entries that a list is longer than what is in it, as vectors are written whole

EIGHTS = np.array([sorted(range(8), key=lambda bit: not mask >> bit & 1) for mask in range(256)], np.uint32)
"""Of each byte, where its ones are, then where its zeros are."""
COUNTS = np.array([mask.bit_count() for mask in range(256)], np.uintp)
GATHER = np.uint64(0x0102040810204080)
"""A word of eight bytes, each 0 or 1, times this has them as the bits of its last byte."""
EIGHT, SIXTEEN = (ir.VectorType(ir.IntType(32), number) for number in (8, 16))


def presses() -> bool:
    """Whether numba compiles for a processor that presses the chosen ones of sixteen numbers together."""
    if config.CPU_NAME or config.CPU_FEATURES:
        return "+avx512f" in (config.CPU_FEATURES or "").split(",")
    return bool(binding.get_host_cpu_features().get("avx512f", False))


BLOCK = 1024 if presses() else 4096  # entries whose moments stay in the first cache while they are listed


# --- for numba: pointers and vectors


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


def _spread(_: Any, to: Any, eight: Any, base: Any) -> Any:
    """Write eight places, a base and what stands at an address, at another; one vector where the processor has them."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, eight, base = arguments
        places = builder.load(builder.inttoptr(eight, EIGHT.as_pointer()), align=4)
        moved = builder.add(places, _all_of(builder, base, EIGHT))
        builder.store(moved, builder.inttoptr(to, EIGHT.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uint32), build


def _compared(_: Any, address: Any, least: Any) -> Any:
    """Which of sixteen numbers have a magnitude of bits that are at least so many, a bit each."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sizes = builder.and_(_sixteen_at(builder, arguments[0]), ir.Constant(SIXTEEN, [MAGNITUDE] * 16))
        mask = builder.icmp_signed(">=", sizes, _all_of(builder, arguments[1], SIXTEEN))
        return builder.bitcast(mask, ir.IntType(16))

    return types.uint16(types.uintp, types.int32), build


def _pressed(_: Any, address: Any, mask: Any, to: Any) -> Any:
    """Write those of sixteen numbers side by side whose bits are set; what follows them is overwritten, too."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, mask, to = arguments
        return _press_together(context, builder, _sixteen_at(builder, address), mask, to)

    return types.void(types.uintp, types.uint16, types.uintp), build


def _placed(_: Any, start: Any, mask: Any, to: Any) -> Any:
    """The same for the places of sixteen numbers, of which the first has the place `start`."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, mask, to = arguments
        places = builder.add(_all_of(builder, start, SIXTEEN), ir.Constant(SIXTEEN, list(range(16))))
        return _press_together(context, builder, places, mask, to)

    return types.void(types.uint32, types.uint16, types.uintp), build


def _ones(_: Any, mask: Any) -> Any:
    """How many bits are set."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.ctpop(arguments[0]), ir.IntType(64))

    return types.uintp(types.uint16), build


def _sixteen_at(builder: Any, address: Any) -> Any:
    return builder.load(builder.inttoptr(address, SIXTEEN.as_pointer()), align=4)


def _all_of(builder: Any, one: Any, kind: Any) -> Any:
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), one, ir.IntType(32)(0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * kind.count))


def _press_together(context: Any, builder: Any, numbers: Any, mask: Any, to: Any) -> Any:
    chosen = ir.VectorType(ir.IntType(1), 16)
    kind = ir.FunctionType(SIXTEEN, [SIXTEEN, SIXTEEN, chosen])
    press = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.mask.compress.v16i32")
    found = builder.call(press, [numbers, ir.Constant(SIXTEEN, ir.Undefined), builder.bitcast(mask, chosen)])
    builder.store(found, builder.inttoptr(to, SIXTEEN.as_pointer()), align=4)
    return context.get_dummy_value()


floats_at: Any = _pointer(types.float32)
halves_at: Any = _pointer(types.uint16)
_fma: Any = intrinsic(_joined)

_write_eight: Any = intrinsic(_spread)
_above: Any = intrinsic(_compared)
_press: Any = intrinsic(_pressed)
_press_places: Any = intrinsic(_placed)
_count: Any = intrinsic(_ones)


# --- loops


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
def by_sixteens(m: Any, v: Any, start: Any, least: Any, lists: Any, found: Any, marks: Any) -> Any:
    """List where magnitudes are at least `least`, with both moments; returns how many there are now.

    Args:
        m: first moments of some entries.
        v: second ones.
        start: place of the first entry.
        least: bits of a magnitude.
        lists: places and both moments of what is listed.
        found: how many there are.
        marks: a byte an entry, to work in.
    """
    places, firsts, seconds = lists
    bits, whole = m.view(np.int32), m.size // 16 * 16
    four, at, ms, vs = np.uintp(4), np.uintp(places.ctypes.data), np.uintp(m.ctypes.data), np.uintp(v.ctypes.data)
    at1, at2 = np.uintp(firsts.ctypes.data), np.uintp(seconds.ctypes.data)
    for i in range(np.uintp(0), np.uintp(whole), np.uintp(16)):
        mask, behind = _above(ms + four * i, np.int32(least)), four * found
        _press_places(np.uint32(start + i), mask, at + behind)
        _press(ms + four * i, mask, at1 + behind)
        _press(vs + four * i, mask, at2 + behind)
        found += _count(mask)
    for i in range(whole, m.size):
        places[found], firsts[found], seconds[found] = start + i, m[i], v[i]
        found += np.uintp((bits[i] & MAGNITUDE) >= least)
    return found


@njit(cache=True, error_model="numpy")
def by_eights(m: Any, v: Any, start: Any, least: Any, lists: Any, found: Any, marks: Any) -> Any:
    """The same for processors that press no vectors together."""
    places, firsts, seconds = lists
    bits, words, first = m.view(np.int32), marks.view(np.uint64), found
    for i in range(m.size):
        marks[i] = (bits[i] & MAGNITUDE) >= least
    for i in range(m.size, -(-m.size // 8) * 8):
        marks[i] = 0
    to, eights = np.uintp(places.ctypes.data), np.uintp(EIGHTS.ctypes.data)
    for word in range(np.uintp(-(-m.size // 8))):
        mask = (words[word] * GATHER) >> np.uint64(56)
        _write_eight(to + np.uintp(4) * found, eights + np.uintp(32) * mask, np.uint32(start + np.uintp(8) * word))
        found += COUNTS[mask]
    for i in range(first, found):
        at = np.uintp(places[i] - np.uint32(start))
        firsts[i], seconds[i] = m[at], v[at]
    return found


@njit(cache=True, error_model="numpy")
def keep_by_sixteens(numbers: Any, high: Any, below: Any, kept: Any) -> Any:
    """Write the bits of magnitudes that are below `high`, or else of the others; returns how many they are.

    Args:
        numbers: bits, with signs.
        high: bits of a magnitude.
        below: which are wanted.
        kept: room for all.
    """
    held, four, whole = np.uintp(0), np.uintp(4), numbers.size // 16 * 16
    at, to = np.uintp(numbers.ctypes.data), np.uintp(kept.ctypes.data)
    other = np.uint16(0xFFFF if below else 0)
    for i in range(np.uintp(0), np.uintp(whole), np.uintp(16)):
        mask = _above(at + four * i, np.int32(high)) ^ other
        _press(at + four * i, mask, to + four * held)
        held += _count(mask)
    for i in range(whole, numbers.size):
        kept[held] = numbers[i]
        held += np.uintp(((numbers[i] & MAGNITUDE) < high) == below)
    for i in range(held):
        kept[i] &= MAGNITUDE
    return held


@njit(cache=True, error_model="numpy")
def keep_by_one(numbers: Any, high: Any, below: Any, kept: Any) -> Any:
    """The same for processors that press no vectors together."""
    held = np.uintp(0)
    for i in range(numbers.size):
        size = numbers[i] & MAGNITUDE
        kept[held] = size
        held += np.uintp((size < high) == below)
    return held


_list, _keep = (by_sixteens, keep_by_sixteens) if presses() else (by_eights, keep_by_one)


@njit(cache=True, error_model="numpy")
def _threshold(sizes: Any, k: Any, kept: Any, high: Any) -> Any:
    """The bits of the k-th largest of some magnitudes, whose bits are `sizes` but for signs.

    They are parted at `high` first, as the threshold is mostly near it, and below.
    """
    above = 0
    for i in range(sizes.size):
        above += (sizes[i] & MAGNITUDE) >= high
    below = above < k
    held = _keep(sizes, high, below, kept)
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
        m, v, found = carray(floats_at(addresses[one, 2]), n), carray(floats_at(addresses[one, 3]), n), begin
        for at in range(0, n, BLOCK):
            end = min(n, at + BLOCK)
            g = _read(addresses[one, 1], n, at, end, halves, buffer)
            _moments(g, m[at:end], v[at:end], betas, joined)
            found = _list(m[at:end], v[at:end], at, guesses[0, one], three, found, marks)
        if found - begin < k:
            found = begin
            for at in range(0, n, BLOCK):
                end = min(n, at + BLOCK)
                found = _list(m[at:end], v[at:end], at, 0, three, found, marks)
        guesses[0, one] = _threshold(sizes[begin:found], k, kept, guesses[1, one])
        begins[one + 1] = found
    return begins


@njit(cache=True, error_model="numpy")
def _read(address: Any, n: Any, at: Any, end: Any, halves: Any, buffer: Any) -> Any:
    """Entries as fp32: themselves, or, of bf16, in the buffer."""
    if not halves:
        return carray(floats_at(address), n)[at:end]
    numbers = carray(halves_at(address), n)[at:end]
    for i in range(numbers.size):
        buffer[i] = np.int32(numbers[i]) << 16
    return buffer.view(np.float32)[: numbers.size]


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
