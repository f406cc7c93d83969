"""Any file that people keep records in, read row by row: a million of them take no more memory than one.

What a file is shows in its content where it can: gzip and Parquet by their first bytes, a JSON list by its bracket.
Only CSV is known by its name. Numbers can be kept as they are written, so that `1.50` stays `1.50`.
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from clbench.base.errors import DataError

Row = tuple[str, Any]  # where it stands, and the record
MAX_LINE = 64 << 20  # bytes of one record, or of what is written in one line
KNOWN = ".json, .jsonl, .csv, .tsv, each also with .gz, .parquet, and folders that `datasets` saved"
SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", "")


class Opened(NamedTuple):
    """A file and what it was taken for.

    Args:
        form: in words, such as `JSON, one record a line`.
        rows: its records, read as they are asked for.
    """

    form: str
    rows: Iterator[Row]


def open_rows(path: Path, *, split: str | None = None, written: bool = False) -> Opened:
    """A file's records.

    Args:
        path: of a file, or of a folder that `datasets` saved.
        split: which part of such a folder, where it has several.
        written: whether numbers of JSON are given as the text that stands there.

    Raises:
        DataError: with file and line, here or while it is read.
    """
    from clbench.data import jsonrows, tables

    if path.is_dir():
        return tables.saved_rows(path, split=split)
    with _complaints(path):
        opener, packed = _opener(path)
        with opener() as file:
            begin = file.read(4)
        if begin == b"PAR1":
            return tables.parquet_rows(path)
        if _suffix(path) in (".csv", ".tsv"):
            opened = tables.csv_rows(path, opener)
        else:
            opened = jsonrows.json_rows(path, opener, written=written)
    return Opened(opened.form + packed, _checked(path, opened.rows))


def find(path: Path) -> Path:
    """A file, or the one beside it that holds the same in another form: `test.jsonl` may be `test.parquet`."""
    if path.exists() or not _suffix(path):
        return path
    stem = path.name.removesuffix(".gz").removesuffix(_suffix(path))
    beside = (path.with_name(stem + suffix) for suffix in SUFFIXES)
    return next((one for one in beside if one.is_file() or one.is_dir()), path)


def _suffix(path: Path) -> str:
    """The last suffix, `.gz` apart."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _opener(path: Path) -> tuple[Callable[[], IO[bytes]], str]:
    """How to open a file, and what to add to its form."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: cannot be read (no regular file); known are {KNOWN}")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        return lambda: cast("IO[bytes]", gzip.open(path)), ", gzip"
    return lambda: path.open("rb"), ""


def _checked(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    with _complaints(path):
        yield from rows


@contextlib.contextmanager
def _complaints(path: Path) -> Iterator[None]:
    """What goes wrong below the records' own form: a file that is not there, a broken archive, a disk."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:  # a broken gzip file is any of them
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
