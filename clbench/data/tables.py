"""Tables to rows: CSV, Parquet, and folders that the `datasets` library saved.

CSV is read by the standard library, every cell as the text that stands there: readers that guess types make 7 of `007`
and nothing of `NA`.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from clbench.base.errors import DataError, did_you_mean
from clbench.data.files import KNOWN, MAX_LINE, Opened, Row

SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs"}
BATCH = 1024  # rows of a Parquet file that are held at once


def csv_rows(path: Path, opener: Callable[[], IO[bytes]]) -> Opened:
    """The records of a CSV file, whose first line names the columns; between them commas, semicolons or tabs.

    Raises:
        DataError: with file and line, here or while it is read.
    """
    with opener() as file:
        begin = file.readline(MAX_LINE).decode("utf-8-sig", "replace")
    sign = max(SIGNS, key=lambda one: len(next(csv.reader([begin], delimiter=one), [])))
    return Opened(f"CSV with {SIGNS[sign]}", _cells(path, opener, sign))


def _cells(path: Path, opener: Callable[[], IO[bytes]], sign: str) -> Iterator[Row]:
    csv.field_size_limit(min(MAX_LINE, sys.maxsize))  # 128 KiB otherwise
    with io.TextIOWrapper(opener(), encoding="utf-8-sig", newline="") as file:  # type: ignore[arg-type]
        reader = csv.reader(file, delimiter=sign, strict=True)
        try:
            names = next(reader, [])
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise DataError(f"{path}:1: the column {twice[0]!r} stands twice; one of the two would be lost")
            for cells in reader:
                if not cells:  # a blank line
                    continue
                if len(cells) != len(names):
                    raise DataError(
                        f"{path}:{reader.line_num}: {len(cells)} cells under {len(names)} columns; "
                        'a cell with a separator or a line break stands in "…"'
                    )
                yield f"{path}:{reader.line_num}", dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: malformed CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{reader.line_num + 1}: is not UTF-8 text, in this line or below") from error


def parquet_rows(path: Path) -> Opened:
    """The records of a Parquet file.

    Raises:
        DataError: it cannot be read, here or later.
    """
    return Opened("Parquet", _parquet(path))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            twice = sorted({name for name in file.schema_arrow.names if file.schema_arrow.names.count(name) > 1})
            if twice:
                raise DataError(f"{path}: the column {twice[0]!r} stands twice; one of the two would be lost")
            for batch in file.iter_batches(batch_size=BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield f"{path}: record {number}", record
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0][:160]})") from error


def saved_rows(path: Path, *, split: str | None) -> Opened:
    """The records of a folder that `datasets` saved (`save_to_disk`).

    Args:
        path: of the folder.
        split: which part; needed where it has several.

    Raises:
        DataError: it is no such folder, it lacks the split, or it cannot be read.
    """
    if not any((path / name).is_file() for name in ("state.json", "dataset_dict.json")):
        raise DataError(f"{path}: cannot be read (a folder that `datasets` did not save); known are {KNOWN}")
    import datasets

    try:
        found: Any = datasets.load_from_disk(str(path))
    except Exception as error:  # the library raises whatever its parsers raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise DataError(f"{path}: cannot be read by `datasets` ({reason})") from error
    form = "a folder saved by `datasets`"
    if not isinstance(found, Mapping):
        return Opened(form, _numbered(path, found))
    if split is None or split not in found:
        wanted = f"no split {split!r}{did_you_mean(split, found)}" if split else f"splits {', '.join(found)}"
        raise DataError(f"{path}: has {wanted}; name one as a folder: {path / next(iter(found), 'train')}")
    return Opened(f"{form}, split {split}", _numbered(path / split, found[split]))


def _numbered(path: Path, records: Any) -> Iterator[Row]:
    for number, record in enumerate(records, 1):
        yield f"{path}: record {number}", record
