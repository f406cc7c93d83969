"""Which tensors a pass of their own takes: the compiled one on a CPU, the Triton one on a GPU; else torch's operations.

With them or without, every bit is the same; `CLBENCH_MOFO_FAST=0` leaves both out.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clbench.parallel import parts

if TYPE_CHECKING:
    from clbench_mofo.cpu import CpuPass
    from clbench_mofo.device import DevicePass, Rounding

Named = tuple[str, Tensor]

PLAIN = {"score": "momentum", "scope": "tensor", "decay": "all"}
"""Options of the compiled pass; the Triton one has all."""
COMPILED = (torch.float32, torch.bfloat16)
KERNELS = (torch.float32, torch.bfloat16, torch.float16)
DEVICES = ("cuda",)
"""Where Triton's kernels run."""
LARGEST = 1 << 30
"""Entries of what competes on a GPU: places and counts are integers of four bytes there."""


@dataclass(slots=True)
class Divided:
    """Tensors with a gradient, by what makes their step."""

    device: list[Named] = field(default_factory=list)
    compiled: list[Named] = field(default_factory=list)
    torch: list[Named] = field(default_factory=list)


def divide(named: Sequence[Named], group: Mapping[str, Any]) -> Divided:
    """Part a group's tensors."""
    found = Divided()
    competing, plain = _all_or_none(named, group), all(group[key] == value for key, value in PLAIN.items())
    for one in named:
        if competing and _on_device(one[1]):
            found.device.append(one)
        elif plain and _is_compiled(one[1]) and joined() is not None:
            found.compiled.append(one)
        else:
            found.torch.append(one)
    return found


def _all_or_none(named: Sequence[Named], group: Mapping[str, Any]) -> bool:
    """Whether the kernels may take any: what competes, or draws from one generator, stays together."""
    if group["scope"] != "global" and group["score"] != "random":
        return True
    kinds = {(p.dtype, p.grad.dtype) for _, p in named if p.grad is not None}
    return len(kinds) == 1 and sum(p.numel() for _, p in named) <= LARGEST


def _is_compiled(p: Tensor) -> bool:
    return p.device.type == "cpu" and p.dtype in COMPILED and p.grad is not None and p.grad.dtype == p.dtype


def _on_device(p: Tensor) -> bool:
    """Whether a tensor is what the kernels are written for, on a device where they give torch's bits."""
    if p.device.type not in DEVICES or p.numel() > LARGEST or p.grad is None:
        return False
    return p.dtype in KERNELS and p.grad.dtype in KERNELS and rounding(p.device) is not None


def are_small(gradients: Sequence[Tensor]) -> bool:
    """Whether a compiled look says that gradients are finite, and their norm too; False also where there is none."""
    if any(map(parts.is_part, gradients)):
        return False
    if not all(g.device.type == "cpu" and g.dtype in COMPILED and g.is_contiguous() for g in gradients):
        return False
    if joined() is None:
        return False
    from clbench_mofo import cpu

    return cpu.are_small(gradients)


@cache
def joined() -> bool | None:
    """How the compiled pass rounds where it can be taken; None where it cannot."""
    if os.environ.get("CLBENCH_MOFO_FAST") == "0":
        return None
    try:
        from clbench_mofo import cpu
    except (ImportError, RuntimeError):  # no numba; or no folder in which it may keep what it compiles
        return None
    return cpu.fits()


def make_cpu() -> CpuPass:
    """The compiled pass of one optimizer, where it is known how it rounds."""
    from clbench_mofo.cpu import CpuPass

    found = joined()
    assert found is not None
    return CpuPass(joined=found)


def are_maskable(gradients: Sequence[Tensor]) -> bool:
    """Whether the kernels may mask gradients in place."""
    return all(
        g.device.type in DEVICES and g.dtype in KERNELS and g.is_contiguous() and g.numel() <= LARGEST
        for g in gradients
    ) and all(rounding(place) is not None for place in {g.device for g in gradients})


@cache
def rounding(device: torch.device) -> Rounding | None:
    """How torch rounds on a device where the Triton pass can be taken; None, with a warning, where it cannot."""
    if os.environ.get("CLBENCH_MOFO_FAST") == "0":
        return None
    try:
        from clbench_mofo import device as passes

        found, reason = passes.fits(device), "this build's rounding is not known"
    except Exception as error:  # what Triton needs to compile may be absent in many ways
        found, reason = None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if found is None:
        warnings.warn(f"mofo: a step is torch's operations on {device}, which takes longer ({reason})", stacklevel=2)
    return found


def make_device(device: torch.device) -> DevicePass:
    """The Triton pass of one optimizer, where it is known how torch rounds."""
    from clbench_mofo.device import DevicePass

    found = rounding(device)
    assert found is not None
    return DevicePass(device, rounding=found)
