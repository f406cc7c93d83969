"""The update of some tensors on a CPU, of what `compiled` has listed: in place, a pass over the weights.

Of `compiled` it takes pointers and a constant alone: what numba has kept of this file outlives a change there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit  # type: ignore[import-untyped]

from clbench_mofo.compiled import MAGNITUDE, floats_at, halves_at

STRETCH = 1024  # weights that are read before some of them are moved
BLOCK = 4096  # weights that are decayed at once, where they are bf16


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
                carray(halves_at(addresses[one, 0]), n), places[begin:end], roots[begin:end], firsts[begin:end], decay
            )
        else:
            _move_floats(carray(floats_at(addresses[one, 0]), n), places[begin:end], roots[begin:end], decay, read)


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
