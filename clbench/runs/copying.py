"""A state copied into memory that is used again and again: all that training waits for when it is saved.

On a CPU the memory is asked for in large pages, as touching it for the first time costs more than copying into it. For
tensors of a GPU it is pinned, and the copy is queued behind the kernels of training and before those that follow.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping

import torch

from clbench.models import memory

ALIGNED = 64  # bytes


class Room:
    """Memory for one state; it grows and is never given back before the run ends.

    Args:
        free: bytes of main memory that can still be had.
    """

    def __init__(self, free: Callable[[], int] = lambda: memory.free(torch.device("cpu"))) -> None:
        self.free = free
        self.bytes = torch.empty(0, dtype=torch.uint8)
        self.copied: list[torch.cuda.Event] = []

    def lacks(self, tensors: Iterable[torch.Tensor]) -> int:
        """Bytes that a copy needs and must not take, as fewer than twice as many can be had; 0: it fits."""
        size, held = _size(tensors), self.bytes.nbytes
        return size if size > held and size > memory.SHARE * (self.free() + held) else 0

    def take(self, size: int, *, pinned: bool, touched: bool = False) -> None:
        """Have this many bytes.

        Args:
            size: of them.
            pinned: for tensors of a GPU.
            touched: for the first time now, which takes longer than copying into them.
        """
        if size > self.bytes.nbytes or (pinned and not self.bytes.is_pinned()):
            self.bytes = torch.empty(0, dtype=torch.uint8)  # given back first
            self.bytes = _get(size, pinned=pinned)
            if touched:
                self.bytes.zero_()

    def copy(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The same tensors in this memory: what an earlier call has given is overwritten.

        Those of a GPU are whole after `wait`.
        """
        size, pinned = needed(tensors.values())
        self.take(size, pinned=pinned)
        found, start = {}, 0
        for name, tensor in tensors.items():
            place = self.bytes[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
            found[name] = place.copy_(tensor.detach(), non_blocking=True)
            start += _aligned(tensor.nbytes)
        self.copied = [_event(device) for device in {one.device for one in tensors.values() if one.is_cuda}]
        return found

    def wait(self) -> None:
        """Until the last copy is whole; on a CPU it always is."""
        for event in self.copied:
            event.synchronize()


def needed(tensors: Iterable[torch.Tensor]) -> tuple[int, bool]:
    """Bytes of memory for a copy, and whether it is pinned."""
    those = list(tensors)
    return _size(those), any(one.is_cuda for one in those)


def _size(tensors: Iterable[torch.Tensor]) -> int:
    return sum(_aligned(tensor.nbytes) for tensor in tensors)


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _get(size: int, *, pinned: bool) -> torch.Tensor:
    if pinned or not size or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
    room = mmap.mmap(-1, size)
    room.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(room, dtype=torch.uint8)


def _event(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))
    return event
