"""The device that a run uses: its name, its driver, its peak memory, and how much of its arithmetic was used."""

from __future__ import annotations

import re
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import RunError
from clbench.models import environment
from clbench.parallel import sharding

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from clbench.spec.protocol import Precision

_DRIVER = Path("/proc/driver/nvidia/version")
_SIDES, _TIMES = {"cpu": 2048, "cuda": 8192}, 10  # of the matrix product that a device's peak is measured by
_SMALL = 256  # side of a product that takes milliseconds on the slowest processor
_SLOW = 2.0  # times fp32's: bf16 saves memory, so less is no news


def make_accelerator(wanted: str) -> Accelerator:
    """The device, and the other processes of an `accelerate launch`.

    Args:
        wanted: `auto` (CUDA where torch sees it, else the CPU), `cpu` or `cuda`.

    Raises:
        RunError: a GPU was asked for and there is none.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise RunError("runtime.device=cuda, but torch sees no GPU; use --set runtime.device=cpu")
    environment.pin_arithmetic()
    with environment.set_aside():
        # Not Apple's GPU, which has no float64. Without `cpu`, several CPU processes do not find each other.
        cpu = wanted == "cpu" or not torch.cuda.is_available()
        return sharding.make(cpu=cpu, in_parts=environment.wants_parts())


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
    return peak_resident()


def peak_resident() -> int:
    """Bytes of main memory that this process had at most, since its program began."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    # Not ru_maxrss where there is better: a process inherits it from whoever began it, such as a large notebook.
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    if found:
        return int(found[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_name(device: torch.device) -> str:
    """Such as `NVIDIA H200` or `cpu`."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return device.type


def driver(wanted: str) -> str | None:
    """Version of the GPU's driver, as Linux tells it; None elsewhere. See `make_accelerator`."""
    import torch

    if wanted == "cpu" or not torch.cuda.is_available() or not _DRIVER.is_file():
        return None
    found = re.search(r"\d+\.\d+(\.\d+)?", _DRIVER.read_text(errors="replace"))
    return found[0] if found else None


def training_flops(model: torch.nn.Module, tokens: int) -> float:
    """Floating-point operations of training, about: two a weight and token forward, two backward, two for its gradient.

    Attention's own products and the method's work are left out, embeddings that are only looked up are too (Kaplan et
    al., arXiv 2001.08361, section 2.1).
    """
    looked_up = {id(p) for one in model.modules() if type(one).__name__ == "Embedding" for p in one.parameters()}
    used = {id(p) for one in model.modules() if type(one).__name__ == "Linear" for p in one.parameters()}
    counted = [p for p in model.parameters() if id(p) not in looked_up - used]
    weights, trained = sum(p.numel() for p in counted), sum(p.numel() for p in counted if p.requires_grad)
    return tokens * (4.0 * weights + 2.0 * trained)


def share_of_peak(device: torch.device, *, flops: float, seconds: float, precision: Precision) -> float | None:
    """Part of what a matrix product reaches; None on a CPU, where nothing was trained, or where memory is short."""
    if device.type != "cuda" or not (flops and seconds):
        return None
    import torch

    try:
        return round(flops / seconds / peak(device, precision=precision), 4)
    except torch.cuda.OutOfMemoryError:
        return None


def slow_bf16(device: torch.device, *, precision: Precision) -> str | None:
    """What to say before a processor without instructions for bf16 is asked for it; None where it has them."""
    if device.type != "cpu" or precision != "bf16":
        return None
    if (times := _times_slower(device)) < _SLOW:
        return None
    return (
        f"this processor multiplies in bf16 {times:.0f} times more slowly than in fp32, and so will train and answer: "
        "protocol.precision=fp32 is faster here, and a board of its own"
    )


@cache
def _times_slower(device: torch.device) -> float:
    """A product in bf16 than one in fp32; a processor does not change under a process."""
    return peak(device, precision="fp32", side=_SMALL) / peak(device, precision="bf16", side=_SMALL)


def peak(device: torch.device, *, precision: Precision, side: int | None = None) -> float:
    """Operations a second of a product of two square matrices, of a side that fills the device, warmed up."""
    import torch

    side, dtype = side or _SIDES[device.type], torch.bfloat16 if precision == "bf16" else torch.float32
    one = torch.randn(side, side, device=device, dtype=dtype)

    def seconds(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            torch.mm(one, one)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    seconds(2)
    return 2.0 * side**3 * _TIMES / seconds(_TIMES)


def arithmetic() -> dict[str, str | int]:
    """What rounding on a CPU depends on beside the code: the vector instructions that torch uses, and its threads."""
    import torch

    return {"cpu_capability": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads()}
