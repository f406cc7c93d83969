"""Reference gradients, a row each, in one buffer that is allocated once; their inner products and sums with `.grad`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np

SUM = 1 << 13
"""Products that are summed in fp32; these sums are summed in fp64. So the error stays near 1e-7 at any size."""
SMALL, LARGE = 8 * SUM, 512 * SUM
"""Entries that are worked on at a time: on a CPU what fits its cache, elsewhere much, as each operation is launched."""


class References:
    """The buffer.

    Args:
        params: name to trainable parameter, all on one device; the layout of a row.
        rows: reference gradients that there is room for.
        dtype: fp32, or bf16 for half the memory.
    """

    def __init__(self, params: Mapping[str, torch.nn.Parameter], *, rows: int, dtype: torch.dtype) -> None:
        self._params = dict(params)
        size = sum(p.numel() for p in self._params.values())
        device = next(iter(self._params.values())).device
        self._buffer = torch.empty(rows, size, dtype=dtype, device=device)
        self._chunk = SMALL if device.type == "cpu" else LARGE
        self._copied = (
            device.type == "cpu"
        )  # rows and gradient beside each other, which costs a GPU three times the bytes

    @property
    def rows(self) -> int:
        """Rows that there are."""
        return len(self._buffer)

    @property
    def nbytes(self) -> int:
        """Bytes of the buffer."""
        return self._buffer.nbytes

    @torch.no_grad()
    def put(self, row: int, gradients: Mapping[str, torch.Tensor]) -> None:
        """Write one reference gradient, by name of parameter."""
        start = 0
        for name, p in self._params.items():
            self._buffer[row, start : start + p.numel()] = gradients[name].reshape(-1)
            start += p.numel()

    @torch.no_grad()
    def products(self, rows: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Inner products of the first `rows` references and, last, of the parameters' gradients.

        The host waits for them, once: the program that they are of is solved there.

        Returns:
            (rows + 1, rows + 1), fp64. A gradient that is None counts as zeros.
        """
        total = torch.zeros(rows + 1, rows + 1, dtype=torch.float64, device=self._buffer.device)
        stack = torch.empty(rows + 1, self._chunk, dtype=torch.float32, device=self._buffer.device)
        for gradient, block in self._chunks(rows):
            whole = 0 if self._copied else block.shape[1] // SUM * SUM
            if whole:
                _add_products(total, block[:, :whole].float(), None if gradient is None else gradient[:whole].float())
            if whole < block.shape[1]:
                _add_copied(total, block[:, whole:], None if gradient is None else gradient[whole:], room=stack)
        return total.cpu().numpy()

    @torch.no_grad()
    def add(self, coefficients: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Add the sum of coefficient times reference to the gradients.

        Args:
            coefficients: (rows in use,).
        """
        for p in self._params.values():
            if p.grad is None:
                p.grad = torch.zeros_like(p, memory_format=torch.contiguous_format)
            elif not p.grad.is_contiguous():
                p.grad = p.grad.contiguous()
        weights = torch.from_numpy(coefficients.astype("float32"))
        if self._buffer.is_cuda:  # the host need not wait for the copy
            weights = weights.pin_memory().to(self._buffer.device, non_blocking=True)
        for gradient, block in self._chunks(len(weights)):
            assert gradient is not None
            gradient.add_(weights @ block.float())

    def _chunks(self, rows: int) -> Iterator[tuple[torch.Tensor | None, torch.Tensor]]:
        """Pieces of the flat gradients (views, where they are contiguous), and of the buffer's columns beside them."""
        start = 0
        for p in self._params.values():
            flat = None if p.grad is None else p.grad.reshape(-1)
            for begin in range(0, p.numel(), self._chunk):
                end = min(begin + self._chunk, p.numel())
                yield None if flat is None else flat[begin:end], self._buffer[:rows, start + begin : start + end]
            start += p.numel()


def _add_copied(total: torch.Tensor, block: torch.Tensor, gradient: torch.Tensor | None, *, room: torch.Tensor) -> None:
    """Add the products of a block's rows and the gradient, which are laid beside each other and filled up with zeros.

    Args:
        total: (rows + 1, rows + 1), fp64.
        block: (rows, width).
        gradient: (width,), or None for zeros.
        room: (rows + 1, at least the width, rounded up to `SUM`), fp32, to lay them in.
    """
    rows, width = block.shape
    part = room[:, : -(-width // SUM) * SUM]
    part[:rows, :width] = block
    part[rows, :width] = 0 if gradient is None else gradient
    part[:, width:] = 0
    pieces = part.unflatten(1, (-1, SUM)).transpose(0, 1)
    total += (pieces @ pieces.mT).sum(0, dtype=torch.float64)


def _add_products(total: torch.Tensor, block: torch.Tensor, gradient: torch.Tensor | None) -> None:
    """The same of fp32 rows where they are, whose width `SUM` divides."""
    pieces = block.unflatten(1, (-1, SUM)).transpose(0, 1)
    total[:-1, :-1] += (pieces @ pieces.mT).sum(0, dtype=torch.float64)
    if gradient is None:
        return
    own = gradient.view(-1, SUM, 1)
    dots = (pieces @ own).sum(0, dtype=torch.float64).squeeze(1)
    total[:-1, -1] += dots
    total[-1, :-1] += dots
    total[-1, -1] += (own.mT @ own).sum(dtype=torch.float64)
