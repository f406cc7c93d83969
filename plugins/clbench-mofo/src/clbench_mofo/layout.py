"""Where the programs of a launch find what: rows, chunks, populations, lists; tables that stay while shapes do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench_mofo.slices import Part

COLUMNS = 8
"""Of `rows` and `state`; `kernels` names them."""
LISTED, SPARE = 2, 1024
"""A list has room for so many times what is to be selected, and so many entries more."""
BINS = 1 << 11
"""Values of the widest digit."""


@dataclass(slots=True)
class Layout:
    """Tables and room to work in, on the device.

    Args:
        parts: what each row is of.
        fixed: (rows, COLUMNS), int64, on the host: a row's entries, population and place of its list.
        rows: the same on the device, with addresses.
        blocks: (programs, 2), int32: row and chunk of each.
        numbers: (rows, 4), fp32: what a step multiplies with.
        state: (populations, COLUMNS), int32: ranks, thresholds, guesses.
        places: of listed entries, int32.
        bits: of their scores, int32.
        table: (populations, BINS), int32: how often each digit occurs.
        marks: (rows,), int32: whose gradient is not finite.
        written: what `rows` holds, on the host.
    """

    parts: Sequence[Part]
    fixed: np.ndarray[Any, Any]
    rows: Tensor
    blocks: Tensor
    numbers: Tensor
    state: Tensor
    places: Tensor
    bits: Tensor
    table: Tensor
    marks: Tensor
    written: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0, np.int64))

    def place(self, addresses: np.ndarray[Any, Any], bytes_each: Sequence[int]) -> None:
        """Write where things are.

        Args:
            addresses: (tensors, 5): of weights, gradient, moments, random scores; where there are none, 0.
            bytes_each: of an entry of these.
        """
        rows = self.fixed.copy()
        starts = np.array([part.start for part in self.parts], np.int64)
        rows[:, :5] = addresses[[part.tensor for part in self.parts]] + starts[:, None] * np.array(bytes_each)
        if not np.array_equal(rows, self.written):
            upload(self.rows, rows)
            self.written = rows

    @property
    def aligned(self) -> bool:
        """Whether all rows begin where sixteen bytes do, and are as long as sixteen entries, or more such."""
        return not (self.written[:, :6] % 16).any()


def lay_out(
    populations: Sequence[tuple[Sequence[Part], int]], *, span: int, device: torch.device, lists: bool = True
) -> Layout:
    """The tables of some populations.

    Args:
        populations: parts that compete, and how many entries of them are to be selected, each.
        span: entries of a program.
        device: where the tables are to be.
        lists: whether there is room for lists; else magnitudes are always read again.
    """
    parts = [part for group, _ in populations for part in group]
    rooms = [_room(group, rank) if lists else 0 for group, rank in populations]
    fixed, state = _fixed(populations, rooms), np.zeros((len(populations), COLUMNS), np.int32)
    state[:, 0], state[:, 1] = [rank for _, rank in populations], rooms
    state[:, 6] = np.iinfo(np.int32).max  # no guess yet
    chunks = [-(-(part.stop - part.start) // span) for part in parts]
    blocks = np.array([(row, chunk) for row, number in enumerate(chunks) for chunk in range(number)], np.int32)
    return Layout(
        parts=parts,
        fixed=fixed,
        rows=torch.zeros(len(parts), COLUMNS, dtype=torch.int64, device=device),
        blocks=torch.from_numpy(blocks).to(device),
        numbers=torch.zeros(len(parts), 4, device=device),
        state=torch.from_numpy(state).to(device),
        places=torch.empty(max(1, sum(rooms)), dtype=torch.int32, device=device),
        bits=torch.empty(max(1, sum(rooms)), dtype=torch.int32, device=device),
        table=torch.zeros(len(populations), BINS, dtype=torch.int32, device=device),
        marks=torch.zeros(len(parts), dtype=torch.int32, device=device),
    )


def _fixed(populations: Sequence[tuple[Sequence[Part], int]], rooms: Sequence[int]) -> np.ndarray[Any, Any]:
    begins = np.concatenate([[0], np.cumsum(rooms)]).tolist()
    lines = [
        (0, 0, 0, 0, 0, part.stop - part.start, number, begins[number])
        for number, (group, _) in enumerate(populations)
        for part in group
    ]
    return np.array(lines, np.int64)


def _room(group: Sequence[Part], rank: int) -> int:
    """Of a list; several rows that compete have none."""
    entries = sum(part.stop - part.start for part in group)
    return min(entries, LISTED * rank + SPARE) if len(group) == 1 else 0


def upload(to: Tensor, values: np.ndarray[Any, Any]) -> None:
    """Copy to the device without waiting for it: from pinned memory, which torch keeps until the copy is made."""
    host = torch.from_numpy(values)
    to.copy_(host.pin_memory() if to.is_cuda else host, non_blocking=True)
