"""Reading `{"prompt", "answer"}` records from JSON (one list) or JSONL (one record a line)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, short
from clbench.data.example import Example

KEYS = {"prompt", "answer"}


def read_examples(path: Path, *, task: str) -> list[Example]:
    """The records of one file.

    Raises:
        DataError: with file and line (JSONL) or record number (JSON).
    """
    examples = [_example(record, where=where, task=task) for where, record in read_objects(path)]
    if not examples:
        raise DataError(f"{path}: holds no records")
    return examples


def read_objects(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file, each with where it stands."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    if path.suffix == ".jsonl" or not text.lstrip().startswith("["):
        yield from _lines(path, text)
        return
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError of its own
        raise DataError(
            f"{path}:{getattr(error, 'lineno', 1)}: malformed JSON: {getattr(error, 'msg', error)}"
        ) from error
    for number, value in enumerate(values, 1):
        yield f"{path}: record {number}", value


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}:{number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: malformed JSON: {getattr(error, 'msg', error)}") from error


def _example(record: Any, *, where: str, task: str) -> Example:
    if not isinstance(record, dict) or set(record) != KEYS:
        raise DataError(f'{where}: must be an object with exactly the keys "prompt" and "answer", got {short(record)}')
    for key in ("prompt", "answer"):
        if not isinstance(record[key], str):
            raise DataError(f"{where}: {key} must be text, got {short(record[key])}; write numbers as text")
        if re.search("[\ud800-\udfff]", record[key]):
            raise DataError(f"{where}: {key} is no valid text: it holds half of a surrogate pair")
    if not record["prompt"]:
        raise DataError(f"{where}: the prompt is empty")
    return Example(task=task, prompt=record["prompt"], answer=record["answer"])
