"""Keys and values of all rows of a batch in one place, made once and copied by no step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Table:
    """A layer's keys and values: (rows, heads, tokens, width) each, made when the first ones come.

    Args:
        rows: of the batch.
        size: tokens of a row at most.
        both: keys and values.
    """

    rows: int
    size: int
    both: tuple[torch.Tensor, torch.Tensor] | None = None

    def make(self, *like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both, of the form of some of their content."""
        if self.both is None:
            keys, values = (one.new_empty((self.rows, one.shape[1], self.size, one.shape[3])) for one in like)
            self.both = keys, values
        return self.both


class Buffer(DynamicLayer):
    """A part of a table, as a layer of a cache.

    Args:
        table: all of it.
        rows: its rows.
        first: where its tokens begin.
        used: how many there are.
    """

    def __init__(self, table: Table, *, rows: slice, first: int, used: int = 0) -> None:
        super().__init__()
        self.table, self.rows, self.first, self.used = table, rows, first, used

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Put new tokens behind the others."""
        both = self.table.make(key_states, value_states)
        if not self.is_initialized:
            self.dtype, self.device, self.is_initialized = both[0].dtype, both[0].device, True
            for buffer in both:
                buffer[self.rows, :, : self.first] = 0  # what is masked must still be a number
        begin = self.first + self.used
        self.used += key_states.shape[-2]
        for buffer, new in zip(both, (key_states, value_states), strict=True):
            buffer[self.rows, :, begin : self.first + self.used] = new
        self.keys, self.values = (one[self.rows, :, self.first : self.first + self.used] for one in both)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Tokens so far."""
        return self.used


def cache_of(config: Any, tables: Sequence[Table], *, rows: slice, first: int, used: int = 0) -> Any:
    """A cache whose layers are the same part of each table."""
    cache: Any = DynamicCache(config=config)
    cache.layers = [Buffer(one, rows=rows, first=first, used=used) for one in tables]
    return cache


def keep(cache: Any, tables: Sequence[Table], places: torch.Tensor) -> None:
    """Only some rows go on."""
    for table, layer in zip(tables, cache.layers, strict=True):
        assert table.both is not None
        keys, values = table.both
        table.both, table.rows = (keys[places], values[places]), len(places)
        layer.rows = slice(0, table.rows)
