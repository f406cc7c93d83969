"""Memory that a batch may take: what is free, what a token costs, and smaller batches where it was not enough.

All of it is estimated from a model's configuration, with the largest tensors counted and the rest left to a margin.
Batches change speed and no result beyond rounding.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from clbench.parallel import processes

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

SHARE = 0.5  # of what is free; the rest is for what no estimate counts
MOST = 2**28  # bytes an inference batch takes on a CPU, which a larger one makes no faster
FP32 = 4
CGROUPS = Path("/sys/fs/cgroup")
SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "not enough memory")


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes that a token of a batch costs, padding included.

    Args:
        read: in a forward pass without gradients.
        cached: in a forward pass that keeps keys and values, which are copied when they grow.
        learned: in a forward and backward pass.
    """

    read: int
    cached: int
    learned: int


def costs(model: Any, *, width: int, recomputed: bool = False, half: bool = False) -> Costs:
    """Of a model.

    Args:
        model: causal LM, perhaps wrapped.
        width: tokens of the longest text.
        recomputed: whether the backward pass makes each layer's activations anew.
        half: whether it learns in bf16 arithmetic, whose norms are fp32 still.
    """
    inner = getattr(model, "module", model)
    config = getattr(inner.config, "get_text_config", lambda: inner.config)()
    hidden = _number(config, "hidden_size", "n_embd", "d_model", default=1024)
    layers = _number(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers", default=24)
    heads = _number(config, "num_attention_heads", "n_head", "n_heads", "num_heads", default=16)
    groups = _number(config, "num_key_value_heads", "num_kv_heads", default=heads)
    head = _number(config, "head_dim", default=max(1, hidden // heads))
    inner_width = _number(config, "intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", default=4 * hidden)
    experts = _number(config, "num_experts_per_tok", default=1)
    written_out = getattr(config, "_attn_implementation", "eager") == "eager"  # attention as a matrix
    matrix = heads * width if written_out else 0
    layer = 8 * hidden + 4 * heads * head + 3 * inner_width * experts + 3 * matrix
    read = FP32 * layer
    cached = read + 2 * FP32 * 2 * layers * groups * head
    kept = layers * FP32 * hidden + read if recomputed else layers * read
    return Costs(read, cached, kept * 3 // 4 if half else kept * 5 // 4)


def _number(config: Any, *names: str, default: int) -> int:
    found = (getattr(config, name, None) for name in names)
    return next((one for one in found if isinstance(one, int) and one > 0), default)


def room(model: Any, device: torch.device, *, width: int, recomputed: bool = False, half: bool = False) -> int:
    """Tokens, padding included, of a forward and backward pass. See `costs`."""
    each = costs(model, width=width, recomputed=recomputed, half=half).learned
    return budget(device, learning=True) // each


def whole(device: torch.device) -> int:
    """Bytes that a device has in all."""
    import psutil
    import torch

    cuda = device.type == "cuda"
    return torch.cuda.get_device_properties(device).total_memory if cuda else psutil.virtual_memory().total


def free(device: torch.device) -> int:
    """Bytes that this process can still get on a device.

    On a CPU the least of what the machine has, its control groups allow, and its address space holds.
    """
    import torch

    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    import psutil

    return max(0, min([psutil.virtual_memory().available, *_limits()]))


def budget(device: torch.device, *, learning: bool = False) -> int:
    """Bytes for one batch: a power of two, so that a run that is continued plans as it did, unless much has changed.

    Several processes must plan alike, and so look at what a device has in all, of which they take less.

    Args:
        device: of the model.
        learning: with gradients, where a batch is as large as the run's user wants it, if it fits.
    """
    share = max(2**20, int(SHARE * (whole(device) / 4 if processes.launched() else free(device))))
    rounded = 1 << (share.bit_length() - 1)
    return rounded if learning or device.type != "cpu" else min(rounded, MOST)


def _limits() -> Iterator[int]:
    """What is left of the limits that this process was given."""
    import psutil

    yield from _groups(CGROUPS, Path("/proc/self/cgroup"))
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - psutil.Process().memory_info().vms


def _groups(root: Path, own: Path) -> Iterator[int]:
    """Of control groups, version 2, from the process's own up to the root's; files that can be dropped are free."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    path = next((line[3:].strip("/") for line in lines if line.startswith("0::")), None)
    if path is None:
        return
    for folder in (root / path, *(root / path).parents):
        if folder != root and root not in folder.parents:
            return
        try:
            most = (folder / "memory.max").read_text(encoding="utf-8").strip()
            used = int((folder / "memory.current").read_text(encoding="utf-8"))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError):
            continue
        if most != "max":
            yield int(most) - used + int(stat.get("inactive_file", 0))


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that memory was not enough: CUDA's, the CPU allocator's, Python's."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    )


def in_halves(items: Sequence[int], ask: Callable[[list[int]], list[T]], *, warn: Callable[[str], None]) -> list[T]:
    """`ask` of all items at once, or of as many as memory bears.

    Args:
        items: of one batch.
        ask: gives a result for each.
        warn: told when a batch did not fit.

    Raises:
        Exception: what `ask` raises for other reasons, or for one item.
    """
    found: list[T] = []

    def attempt(size: int) -> list[T]:
        while len(found) < len(items):
            found.extend(ask(list(items[len(found) : len(found) + size])))
        return found

    return shrinking(len(items), attempt, warn=warn)


def shrinking(size: int, attempt: Callable[[int], T], *, warn: Callable[[str], None]) -> T:
    """`attempt(size)`, again with half of it while memory is not enough.

    Raises:
        Exception: what `attempt` raises for other reasons, or for a size of 1.
    """
    while True:
        try:
            return attempt(size)
        except Exception as error:
            if size <= 1 or not is_exhausted(error):
                raise
        release()  # outside the clause above, whose traceback holds the batch
        warn(f"memory was not enough for a batch of {size}: smaller ones were made")
        size //= 2


def release() -> None:
    """Give back what torch, and on Linux the C library, keep for later."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # another system, another library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
