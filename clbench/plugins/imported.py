"""Streams over data sets that are described elsewhere: what becomes of a description, and its stream file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from clbench.base.atomic import write_text
from clbench.base.errors import OptionError, pydantic_line
from clbench.data.example import Example
from clbench.plugins.own import limits
from clbench.spec.stream import Stream

LOOK = 200  # records of a split by which the length of answers is judged, where not all are read


@dataclass(frozen=True)
class Imported:
    """What a description holds.

    Args:
        tasks: name to its block in a stream file; paths are relative to `folder`.
        orders: further orders of the same tasks.
        left_out: data set to why it is no task.
        folder: what paths are relative to.
    """

    tasks: dict[str, dict[str, Any]]
    orders: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)


def write_imported(found: Imported, path: Path, *, name: str) -> Path:
    """Write the stream file.

    Raises:
        OptionError: it is there already, or the name is none that a stream can have.
    """
    if path.exists():
        raise OptionError(f"--out {path}: is there already; choose another name")
    tasks = {task: _moved(block, found.folder, path.parent) for task, block in found.tasks.items()}
    content: dict[str, Any] = {"stream": name, "tasks": tasks, **({"orders": found.orders} if found.orders else {})}
    try:
        Stream.model_validate(content)
    except ValidationError as error:
        raise OptionError(f"--name {name}: {pydantic_line(error)}") from error
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))
    return path


def task_name(name: str) -> str:
    """`own/` and a data set's name, of letters that a task's name may have."""
    return f"own/{letters(name) or 'data'}"


def letters(name: str) -> str:
    """What of a text can stand in a name, in lower case; a hyphen for the rest."""
    found = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "-" for one in name.casefold())
    return found.strip("._-")


def scored(examples: Sequence[Example], *, scorer: str) -> dict[str, Any]:
    """How answers like these are scored, and how long they may be."""
    found = limits(examples)
    return {"scorers": {"strict": scorer}, **found, "stop": list(found["stop"])}


def _moved(block: dict[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """A task's block with its paths relative to another folder."""
    data = block["data"]
    if "files" not in data:
        return block
    files = {split: Path(os.path.relpath(old / file, new)).as_posix() for split, file in data["files"].items()}
    return {**block, "data": {"files": files}}
