"""Which tensors the compiled pass takes: fp32 ones on a CPU, ranked by momentum, each for itself, where numba is here.

With it or without, every bit is the same; `CLBENCH_MOFO_FAST=0` leaves it out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Any

import torch

from clbench_mofo.slices import Slice

if TYPE_CHECKING:
    from clbench_mofo.compiled import Compiled

PLAIN = {"score": "momentum", "scope": "tensor", "decay": "all"}


def part(slices: Sequence[Slice], group: Mapping[str, Any]) -> tuple[list[Slice], list[Slice]]:
    """Those that the compiled pass takes, and the others."""
    if any(group[key] != value for key, value in PLAIN.items()) or available() is None:
        return [], list(slices)
    taken = [_is_plain(one) for one in slices]
    return list(compress(slices, taken)), list(compress(slices, map(not_, taken)))


@cache
def available() -> bool | None:
    """How the compiled pass rounds where it can be taken; None where it cannot."""
    if os.environ.get("CLBENCH_MOFO_FAST") == "0":
        return None
    try:
        from clbench_mofo import compiled
    except (ImportError, RuntimeError):  # no numba; or no folder in which it may keep what it compiles
        return None
    return compiled.fits()


def make() -> Compiled | None:
    """The pass of one optimizer, where it is available."""
    joined = available()
    if joined is None:
        return None
    from clbench_mofo.compiled import Compiled

    return Compiled(joined=joined)


def _is_plain(one: Slice) -> bool:
    parts = (one.param, one.grad, one.exp_avg, one.exp_avg_sq)
    return all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in parts)
