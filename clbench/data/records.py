"""Examples from files: whatever columns are commonly used, in whatever file (`files`, `shapes`).

What is read in another way than as it stands is said: which columns were taken for prompt and answer, and which keys
were not looked at.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.files import Row, open_rows
from clbench.data.shapes import Shape, shape_of

One = TypeVar("One")


@dataclass
class Reading:
    """How a file was read; known when its records have been.

    Args:
        form: what the file is.
        shape: which columns are prompt and answer.
        unread: how many of the records had each further key.
    """

    form: str = ""
    shape: Shape | None = None
    unread: Counter[str] = field(default_factory=Counter)

    def notes(self, name: str) -> list[str]:
        """What a reader of the result must know, a line each; nothing where records are read as they stand.

        Args:
            name: of the file.
        """
        notes = []
        if self.shape and self.shape.said:
            columns = "/".join((*self.shape.columns, *self.shape.optional))
            notes.append(f"{name}: {columns} read as {self.shape.said}")
        if self.unread:
            listed = ", ".join(f"{key} ({number})" for key, number in sorted(self.unread.items()))
            notes.append(f"{name}: keys that are not read: {listed if len(listed) < 300 else listed[:299] + '…'}")
        return notes


def read_examples(
    path: Path,
    *,
    task: str,
    split: str | None = None,
    cap: int | None = None,
    shuffle: int | None = None,
    reading: Reading | None = None,
) -> list[Example]:
    """The records of one file.

    Args:
        path: of a file, or of a folder that `datasets` saved.
        task: whose examples they are.
        split: which part of such a folder.
        cap: how many at most; no more are held in memory.
        shuffle: seed of their order; as they stand when None.
        reading: filled with how the file was read.

    Raises:
        DataError: with file and line, or record number.
    """
    reading = Reading() if reading is None else reading
    opened = open_rows(path, split=split, written=True)
    reading.form = opened.form
    again = iter([opened.rows])  # what is open already serves the first pass

    def rows() -> Iterator[Row]:
        return next(again, None) or open_rows(path, split=split, written=True).rows

    examples = [_example(record, where=where, task=task, reading=reading) for where, record in pick(rows, cap, shuffle)]
    if not examples:
        raise DataError(f"{path}: holds no records")
    return examples


def _example(record: Any, *, where: str, task: str, reading: Reading) -> Example:
    if reading.shape is None:
        reading.shape = shape_of(record, where=where)
    example = reading.shape.example(record, where=where, task=task)
    reading.unread.update(reading.shape.unread(record))
    return example


def read_objects(path: Path) -> Iterator[Row]:
    """The records of a file, whatever they are, each with where it stands.

    Raises:
        DataError: with file and line.
    """
    yield from open_rows(path).rows


def pick(rows: Callable[[], Iterator[One]], cap: int | None, shuffle: int | None) -> Iterator[One]:
    """Some of many records, holding no more than those.

    Args:
        rows: begins to read them; called twice where some are drawn.
        cap: how many; all when None.
        shuffle: seed of their order; the first, as they stand, when None.
    """
    if shuffle is None:
        return islice(rows(), cap)
    if cap is None:
        return iter(shuffled(rows(), shuffle))
    drawn = shuffled(range(sum(1 for _ in rows())), shuffle)[:cap]
    wanted = {index: place for place, index in enumerate(drawn)}
    found = ((wanted[index], row) for index, row in enumerate(rows()) if index in wanted)
    return (row for _, row in sorted(found, key=lambda pair: pair[0]))


def shuffled(records: Iterator[One] | range | list[One], seed: int | None) -> list[Any]:
    """Records in an order of their own, the same on every machine; as they stand when there is no seed."""
    found: list[Any] = list(records)
    if seed is not None:
        random.Random(f"clbench records {seed}").shuffle(found)
    return found
