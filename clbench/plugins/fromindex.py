"""LLaMA-Factory's `dataset_info.json` as tasks over the same files; EasyCL's orders stand in a file beside it.

A data set with records to learn from and records to score on becomes a task: `cb` and `cb_test`, or `cb_train` and
`cb_test`. What becomes none is named with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, unknown_name
from clbench.data.archives.index import Entry, read_index
from clbench.data.formed import load_formed
from clbench.data.records import read_examples, read_objects
from clbench.data.shapeforms import form_of
from clbench.plugins.imported import LOOK, Imported, scored, task_name
from clbench.spec.task import Files, Task

Parts = Mapping[str, Entry]  # split to what an index says of it
ORDERS = "benchmark_info.json"
_SPLIT = re.compile(r"_(train|dev|valid|validation|eval|test)$")
_ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}  # an index's words, and the files'
_CHAT = ("messages", "conversations")
_MORE = {"images": "images", "videos": "videos", "audios": "sounds", "tools": "tools", "kto_tag": "preferences"}


def from_index(path: Path, *, names: Sequence[str] = (), scorer: str) -> Imported:
    """The tasks of an index.

    Args:
        path: of the index.
        names: of data sets, in the order that they are to be learned in; all that can be tasks when there are none.
        scorer: of the answers.

    Raises:
        DataError: it is no index, a file cannot be read, or one that is named, or all of them, can be no tasks.
        UnknownNameError: a name that it does not have.
    """
    groups = _grouped(read_index(path))
    if unknown := [name for name in names if name not in groups]:
        raise unknown_name("data set of the index", unknown[0], groups)
    reasons = {name: reason for name, parts in groups.items() if (reason := _why_not(parts, path.parent))}
    chosen = [name for name in names or groups if name not in reasons]
    if refused := [name for name in names or reasons if name in reasons and (names or not chosen)]:
        raise DataError(f"{path}: {refused[0]!r} can be no task: {reasons[refused[0]]}")
    orders = [] if names else _orders(path.parent / ORDERS, chosen)
    tasks = {task_name(name): _task(groups[name], path.parent, scorer=scorer) for name in (orders or [chosen])[0]}
    further = {f"order{number}": [task_name(name) for name in order] for number, order in enumerate(orders[1:], 2)}
    return Imported(tasks, further, {} if names else reasons, path.parent)


def _grouped(entries: Iterable[Entry]) -> dict[str, dict[str, Entry]]:
    """Name without its split to the splits."""
    groups: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        groups.setdefault(_SPLIT.sub("", entry.name), {})[entry.split] = entry
    return groups


def _why_not(parts: Parts, folder: Path) -> str:
    """Why a data set can be no task; empty where it can."""
    if more := [_MORE[column] for one in parts.values() for column in one.columns if column in _MORE]:
        return f"it has {more[0]}, and tasks here are of text alone"
    if away := [one.hub for one in parts.values() if one.file is None]:
        return f"it is on the Hub (clbench stream import {away[0]})" if away[0] else "it is no file, nor on the Hub"
    if missing := [split for split in ("train", "test") if split not in parts]:
        return f"it names no {missing[0]} records (clbench data stream FILE holds some of a file out)"
    if absent := [one.file for one in parts.values() if not (folder / str(one.file)).exists()]:
        return f"there is no file {absent[0]}"
    return next((reason for one in parts.values() if (reason := _unread(one))), "")


def _unread(entry: Entry) -> str:
    """Why its records cannot be read; empty where they can."""
    if entry.formatting not in ("alpaca", "sharegpt"):
        return f"its formatting {entry.formatting!r} is neither alpaca nor sharegpt"
    turns = entry.columns.get("messages", "conversations")
    if entry.formatting == "sharegpt" and turns not in _CHAT:
        return f"its turns stand in {turns!r}, which is none of {', '.join(_CHAT)}"
    return ""


def _task(parts: Parts, folder: Path, *, scorer: str) -> dict[str, Any]:
    """A task's block: its files, a form where columns have names of their own, its scorer."""
    named = {"train": "train", "test": "test", "eval": "dev"}
    files = {split: str(parts[part].file) for split, part in named.items() if part in parts}
    block: dict[str, Any] = {"data": {"files": files}}
    called = {**_ALPACA, **parts["test"].columns}
    if parts["test"].formatting == "sharegpt" or {name: called[name] for name in _ALPACA} == _ALPACA:
        return block | scored(read_examples(folder / files["test"], task="own/a", split="test"), scorer=scorer)
    block["forms"] = [_renamed(folder / files["test"], called)]
    task = Task.model_validate({"task": "own/a", "scorers": {"strict": scorer}, **block})
    found = load_formed(task, Files.model_validate(files), split="test", base_dir=folder, cap=LOOK)
    return block | scored(found, scorer=scorer)


def _renamed(path: Path, called: Mapping[str, str]) -> dict[str, str]:
    """A form for Alpaca's columns under other names."""
    first = next((record for _, record in read_objects(path) if isinstance(record, dict)), {})
    form = form_of(first, called={own: called[name] for name, own in _ALPACA.items()})
    if form is None:
        raise DataError(
            f"{path}: its first record has no {called['prompt']!r} and {called['response']!r}, which the index names"
        )
    return form


def _orders(path: Path, names: Sequence[str]) -> list[list[str]]:
    """EasyCL's orders of just these tasks; none where the file is not there."""
    whole: Any = next((value for _, value in read_objects(path)), {}) if path.is_file() else {}
    suites = whole.values() if isinstance(whole, dict) else ()
    listed = [order for one in suites if isinstance(one, dict) for order in dict(one.get("orders", {})).values()]
    return [list(order) for order in listed if sorted(map(str, order)) == sorted(names)]
