"""The device that a run uses, its name and its peak memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clbench.base.errors import RunError
from clbench.models import environment

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator


def make_accelerator(wanted: str) -> Accelerator:
    """The device, and the other processes of an `accelerate launch`.

    Args:
        wanted: `auto` (CUDA where torch sees it, else the CPU), `cpu` or `cuda`.

    Raises:
        RunError: a GPU was asked for and there is none.
    """
    import torch
    from accelerate import Accelerator

    if wanted == "cuda" and not torch.cuda.is_available():
        raise RunError("runtime.device=cuda, but torch sees no GPU; use --set runtime.device=cpu")
    environment.pin_arithmetic()
    with environment.set_aside():
        # Not Apple's GPU, which has no float64. Without `cpu`, several CPU processes do not find each other.
        return Accelerator(cpu=wanted == "cpu" or not torch.cuda.is_available(), mixed_precision="no")


def reset_peak_memory(device: torch.device) -> None:
    """Begin to measure."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Bytes: on a GPU what torch allocated at most, on a CPU the process's peak so far."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_name(device: torch.device) -> str:
    """Such as `NVIDIA H200` or `cpu`."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return device.type


def arithmetic() -> dict[str, str | int]:
    """What rounding on a CPU depends on beside the code: the vector instructions that torch uses, and its threads."""
    import torch

    return {"cpu_capability": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads()}
