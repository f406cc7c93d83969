"""Numbers of large magnitude written side by side, without a branch: what `compiled` lists of a tensor, and parts.

In two ways, of the same result: by sixteens where the processor presses the chosen ones of a vector together
(AVX-512), which takes a third of the time; else by eights, whose places are looked up. What counts and indexes is
unsigned: a negative index would be looked for in every step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import config, njit, types  # type: ignore[import-untyped]
from numba.core import cgutils  # type: ignore[import-untyped]
from numba.extending import intrinsic  # type: ignore[import-untyped]

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


# --- vectors


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


_write_eight: Any = intrinsic(_spread)
_above: Any = intrinsic(_compared)
_press: Any = intrinsic(_pressed)
_press_places: Any = intrinsic(_placed)
_count: Any = intrinsic(_ones)

# --- lists


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


list_large, keep = (by_sixteens, keep_by_sixteens) if presses() else (by_eights, keep_by_one)
