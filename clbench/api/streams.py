"""A stream in memory: what a stream file says as a dict, or data sets of `datasets`, a task each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, FileError, did_you_mean, short
from clbench.spec.taskfiles import Document

NAME = "datasets"
_KEYS = ("name", "train", "test", "prompt", "answer", "scorers", "max_new_tokens")
_SCORERS = {"strict": "exact", "lenient": "fuzz_levenshtein"}


def document(given: Mapping[str, Any] | Sequence[Any], *, folder: Path) -> Document:
    """A stream as if it stood in a file; paths in a dict are relative to the present folder.

    Args:
        given: `{"stream": NAME, "tasks": {…}, …}` as in `docs/tasks.md`; or a task each: `{"train": …, "test": …}` of
            two data sets (as `train_test_split` makes it), and if need be `name`, the columns `prompt` and `answer`,
            `scorers` and `max_new_tokens`.
        folder: where data sets may be written.

    Raises:
        ClbenchError: no stream, or a data set that is empty or lacks a column.
    """
    if isinstance(given, Mapping):
        if not isinstance(given.get("stream"), str):
            raise FileError("stream={…}: needs 'stream', its name, as in a stream file (docs/tasks.md)")
        return Document(Path("stream={…}"), dict(given), {})
    if not given:
        raise DataError("stream=[]: holds no data sets; give {'train': …, 'test': …} for each task")
    tasks = [_task(one, number=number, folder=folder) for number, one in enumerate(given, 1)]
    if len(dict(tasks)) < len(tasks):
        raise DataError("stream=[…]: two data sets have one name; give each another 'name'")
    return Document(folder / "stream=[…]", {"stream": NAME, "tasks": dict(tasks)}, {})


def _task(given: Any, *, number: int, folder: Path) -> tuple[str, dict[str, Any]]:
    where = f"stream[{number - 1}]"
    if not isinstance(given, Mapping):
        raise DataError(
            f"{where}: must be {{'train': …, 'test': …}}, got {short(type(given).__name__)}; "
            "ds.train_test_split(0.2, seed=0) makes it of one data set"
        )
    for key in given:
        if key not in _KEYS:
            raise DataError(f"{where}: unknown key {key!r}{did_you_mean(str(key), _KEYS)}")
    place = f"task-{number}"
    splits = {split: _split(given, split, where=where) for split in ("train", "test")}
    for split, records in splits.items():
        _save(records, folder / f"{place}.{split}")
    files = {split: f"{place}.{split}" for split in splits}
    task = {"data": {"files": files}, "scorers": given.get("scorers", _SCORERS)}
    if "max_new_tokens" in given:
        task["max_new_tokens"] = given["max_new_tokens"]
    return str(given.get("name", f"{NAME}/{number}")), task


def _split(given: Mapping[str, Any], split: str, *, where: str) -> Any:
    """One data set with the columns that are meant."""
    records: Any = given.get(split)
    if not hasattr(records, "column_names") or not hasattr(records, "save_to_disk"):
        raise DataError(f"{where}: {split!r} must be a datasets.Dataset, got {short(type(records).__name__)}")
    if not len(records):
        raise DataError(f"{where}: its {split!r} data set is empty")
    chosen = {given[key]: key for key in ("prompt", "answer") if key in given}
    for column in chosen:
        if column not in records.column_names:
            raise DataError(f"{where}: {split!r} has no column {column!r}{did_you_mean(column, records.column_names)}")
    if not chosen:
        return records
    kept = [*chosen, *(key for key in ("prompt", "answer") if key not in given and key in records.column_names)]
    renamed = {column: key for column, key in chosen.items() if column != key}
    return records.select_columns(kept).rename_columns(renamed)


def _save(records: Any, path: Path) -> None:
    records.save_to_disk(str(path))
