"""LLaMA-Factory's `dataset_info.json`: names of data sets to where they are and how their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, short
from clbench.data.records import read_objects

_PLACES = ("file_name", "_url")  # further ones are `cloud_file_name`, `script_url` and other hubs'
SPLITS = {"train": "train", "dev": "dev", "valid": "dev", "validation": "dev", "eval": "dev", "test": "test"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One data set of an index.

    Args:
        name: its name.
        split: `train`, `dev` or `test`.
        file: below the index's folder; None where it is elsewhere.
        hub: its id on the Hugging Face Hub.
        formatting: `alpaca` or `sharegpt`.
        columns: what is asked for (`prompt`, `query`, `response`, `messages` …) to how the file calls it.
        tags: likewise, in a turn.
        subset: configuration on the Hub.
    """

    name: str
    split: str
    file: str | None = None
    hub: str | None = None
    formatting: str = "alpaca"
    columns: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    subset: str | None = None


def read_index(path: Path) -> list[Entry]:
    """The data sets of an index.

    Raises:
        DataError: it is none, or an entry names neither a file nor a data set of the Hub.
    """
    found: Any = next((value for _, value in read_objects(path)), None)
    if not isinstance(found, dict) or not found or not all(isinstance(one, dict) for one in found.values()):
        raise DataError(f"{path}: must be an object of data sets by name, got {short(found)}")
    return [_entry(str(name), one, path=path) for name, one in found.items()]


def _entry(name: str, one: dict[str, Any], *, path: Path) -> Entry:
    split = SPLITS.get(str(one.get("split", "")) or name.rpartition("_")[2], "train")
    split = SPLITS.get(name.rpartition("_")[2], split)  # the name tells more than `split`, which also names the Hub's
    file, hub = one.get("file_name"), one.get("hf_hub_url")
    if not any(key.endswith(_PLACES) for key in one):
        raise DataError(f"{path}: data set {name!r} has neither file_name nor hf_hub_url")
    if isinstance(file, str) and (Path(file).is_absolute() or ".." in Path(file).parts):
        raise DataError(f"{path}: data set {name!r}: file_name {file!r} is not below the index's folder")
    return Entry(
        name,
        split,
        file if isinstance(file, str) else None,
        hub if isinstance(hub, str) else None,
        str(one.get("formatting", "alpaca")),
        _texts(one.get("columns", {}), path=path, what=f"data set {name!r}: columns"),
        _texts(one.get("tags", {}), path=path, what=f"data set {name!r}: tags"),
        one.get("subset"),
    )


def _texts(value: object, *, path: Path, what: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise DataError(f"{path}: {what} must be an object of texts, got {short(value)}")
    return value
