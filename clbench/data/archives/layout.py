"""What a suite's layout must tell, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from clbench.base.errors import DataError, short
from clbench.data.example import Example
from clbench.data.records import read_objects

SPLITS = ("train", "dev", "test")


class Layout(Protocol):
    """How one suite keeps its tasks. A task's name is its place, such as `TC/agnews`."""

    @staticmethod
    def find(path: Path) -> list[Path]:
        """The folders below (or at) a path that have this layout; paths of its files are relative to one of them."""
        ...

    @staticmethod
    def tasks(root: Path) -> list[str]:
        """The tasks that are there."""
        ...

    @staticmethod
    def files(root: Path, name: str) -> dict[str, str]:
        """All files that a task is read from: its splits under their names, and whatever else under others."""
        ...

    @staticmethod
    def read(root: Path, name: str, *, split: str, task: str) -> list[Example]:
        """The records of one split, in the archive's own words.

        Raises:
            DataError: they cannot be read; with file and record.
        """
        ...

    @staticmethod
    def oddities(root: Path, name: str, *, split: str) -> list[str]:
        """What only this layout can tell of a split that can be read, a sentence each."""
        ...


def roots_of(files: Iterable[Path], *, up: int) -> list[Path]:
    """The folders that some files stand in, so many levels up; without what a Mac leaves in a zip."""
    return sorted({file.parents[up] for file in files if "__MACOSX" not in file.parts})


def records(path: Path, *, columns: tuple[str, ...], layout: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of a file, each with where it stands.

    Args:
        path: of the file.
        columns: that each record must have.
        layout: whose they are, for complaints.

    Raises:
        DataError: one has not; or there are none.
    """
    empty = True
    for where, record in read_objects(path):
        if not isinstance(record, dict) or not set(columns) <= set(record):
            got = ", ".join(map(str, record)) if isinstance(record, dict) else short(record)
            raise DataError(
                f"{where}: is no record of {layout}'s layout ({', '.join(columns)}), got {short(got)}; "
                "are two archives mixed here?"
            )
        empty = False
        yield where, record
    if empty:
        raise DataError(f"{path}: holds no records")


def options(path: Path) -> list[str]:
    """The labels of a `labels.json`, in their order.

    Raises:
        DataError: the file is missing or no list of texts.
    """
    if not path.is_file():
        raise DataError(f"{path}: is missing; in O-LoRA's layout it lists the options that stand in every prompt")
    found = [value for _, value in read_objects(path)]
    if not found or not all(isinstance(value, str) and value for value in found):
        raise DataError(f"{path}: must be a list of texts, got {short(found)}")
    return found


def no_options(strange: Mapping[str, int], *, split: str) -> list[str]:
    """Labels that are none of the options, with how often, as findings."""
    said = "{}: {} records have the label {!r}, which is no option"
    return [said.format(split, number, label) for label, number in strange.items()]


def text(record: dict[str, Any], column: str, *, where: str) -> str:
    """A column that must be text.

    Raises:
        DataError: it is not.
    """
    value = record[column]
    if not isinstance(value, str):
        raise DataError(f"{where}: {column} must be text, got {short(value)}")
    return value
