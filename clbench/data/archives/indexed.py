r"""EasyCL's layout: `benchmark/<SUITE>/dataset_info.json`, LLaMA-Factory's index, and files of Alpaca records below it.

A record is `{"instruction", "input", "output"}`; its prompt is Stanford Alpaca's, as everywhere here (`shapes`), with
the instruction and the options that it ends in from the archive.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from clbench.data.archives.index import Entry, read_index
from clbench.data.archives.layout import no_options, records, roots_of
from clbench.data.example import Example
from clbench.data.shapes import shape_of

SUITES = ("LNT", "LFPT5", "ABSACL_ATSC")
INDEX = "dataset_info.json"
_COLUMNS = ("instruction", "input", "output")
_OPTIONS = re.compile(r"\bOption: ([^\n]+)\s*\Z")


def find(path: Path) -> list[Path]:
    """Folders of suites."""
    return roots_of((file for suite in SUITES for file in path.glob(f"**/{suite}/{INDEX}")), up=1)


def tasks(root: Path) -> list[str]:
    """Such as `LNT/agnews`."""
    there = [suite for suite in SUITES if (root / suite / INDEX).is_file()]
    return [f"{suite}/{name}" for suite in there for name in _grouped(root / suite)]


def files(root: Path, name: str) -> dict[str, str]:
    """The index, and the splits that it names and that are there."""
    suite, _, task = name.partition("/")
    found = {"index": f"{suite}/{INDEX}"}
    named = {split: f"{suite}/{entry.file}" for split, entry in _grouped(root / suite).get(task, {}).items()}
    return found | {split: file for split, file in named.items() if (root / file).is_file()}


def read(root: Path, name: str, *, split: str, task: str) -> list[Example]:
    """One split, by the shape of Alpaca's records."""
    path = root / files(root, name)[split]
    return [
        shape_of(record, where=where).example(record, where=where, task=task)
        for where, record in records(path, columns=_COLUMNS, layout="EasyCL")
    ]


def oddities(root: Path, name: str, *, split: str) -> list[str]:
    """Labels that are none of the options that their instruction ends in."""
    strange: Counter[str] = Counter()
    for _, record in records(root / files(root, name)[split], columns=_COLUMNS, layout="EasyCL"):
        listed = _OPTIONS.search(str(record["instruction"]))
        if listed and record["output"] not in listed[1].strip().split(", "):
            strange[str(record["output"])] += 1
    return no_options(strange, split=split)


def _grouped(folder: Path) -> dict[str, dict[str, Entry]]:
    """Task to its splits; a task is the folder that its files stand in."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in read_index(folder / INDEX):
        if entry.file is not None:
            found.setdefault(Path(entry.file).parent.name, {})[entry.split] = entry
    return found
