r"""SAPT's layout: `CL_Benchmark/{SuperNI,Long_Sequence}/<task>/{train,dev,test}.json`, as Super-NaturalInstructions.

A file is one object with `Definition`, a list of which the first is used, and `Instances` of `{"id", "input",
"output"}`. Prompts are, as `src/cl_dataset.py` of the repository puts them together:

    SuperNI          Definition: <definition>\n\nNow complete the following example -\nInput: <input>\nOutput:␣
    Long_Sequence    <definition>\n<input>\nOutput:␣

with a blank at the end; COPA has no definition. Of several right outputs SAPT draws one, in training and as the only
reference alike; here the first is taken.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, short
from clbench.data.archives.layout import SPLITS, no_options, options, roots_of, text
from clbench.data.example import Example
from clbench.data.records import read_objects

FAMILIES = ("SuperNI", "Long_Sequence")
OWN = "generated_data"  # what SAPT's model wrote for its replay: no archive of tasks


def find(path: Path) -> list[Path]:
    """Folders of the two families."""
    found = (file for family in FAMILIES for file in path.glob(f"**/{family}/*/train.json") if OWN not in file.parts)
    return roots_of(found, up=2)


def tasks(root: Path) -> list[str]:
    """Such as `SuperNI/task073_commonsenseqa_answer_generation`."""
    found = (file for family in FAMILIES for file in sorted(root.glob(f"{family}/*/train.json")))
    return [f"{file.parents[1].name}/{file.parent.name}" for file in found]


def files(root: Path, name: str) -> dict[str, str]:
    """The splits."""
    return {split: f"{name}/{split}.json" for split in SPLITS if (root / f"{name}/{split}.json").is_file()}


def read(root: Path, name: str, *, split: str, task: str) -> list[Example]:
    """One split; every part of a prompt from the archive."""
    path = root / name / f"{split}.json"
    whole = _whole(path)
    family = name.partition("/")[0]
    begin = _begin(whole["Definition"], path=path, family=family)
    return [_example(one, number, begin=begin, path=path, task=task) for number, one in _numbered(whole, path)]


def oddities(root: Path, name: str, *, split: str) -> list[str]:
    """Ids of another task, references that are not looked at, outputs that are no labels where there is a list."""
    path = root / name / f"{split}.json"
    instances = [one for _, one in _numbered(_whole(path), path)]
    labels = path.with_name("labels.json")
    known = options(labels) if labels.is_file() else None
    strange = Counter(str(one["output"]) for one in instances if known is not None and one["output"] not in known)
    own = re.match(r"task\d+", name.rpartition("/")[2])
    ids = Counter(str(one["id"]).partition("-")[0] for one in instances if "id" in one)
    found = [
        f"{split}: {number} instances carry ids of {other}" for other, number in ids.items() if own and other != own[0]
    ]
    several = sum(isinstance(one["output"], list) and len(one["output"]) > 1 for one in instances)
    found += no_options(strange, split=split)
    return [*found, *([f"{split}: {several} instances have several outputs; the first is used"] if several else [])]


def _whole(path: Path) -> dict[str, Any]:
    found = [value for _, value in read_objects(path)]
    if len(found) != 1 or not isinstance(found[0], dict) or not {"Definition", "Instances"} <= set(found[0]):
        raise DataError(
            f"{path}: is no file of SAPT's layout (one object with Definition and Instances); "
            "are two archives mixed here?"
        )
    return found[0]


def _begin(definition: object, *, path: Path, family: str) -> str:
    """What stands before every input."""
    if not isinstance(definition, list) or not all(isinstance(one, str) for one in definition):
        raise DataError(f"{path}: Definition must be a list of texts, got {short(definition)}")
    if family == "SuperNI":
        if not definition:
            raise DataError(f"{path}: Definition is empty; every prompt begins with it")
        return f"Definition: {definition[0].strip()}\n\nNow complete the following example -\nInput: "
    return f"{definition[0].strip()}\n" if definition else ""


def _numbered(whole: dict[str, Any], path: Path) -> list[tuple[int, dict[str, Any]]]:
    instances = whole["Instances"]
    if not isinstance(instances, list) or not instances:
        raise DataError(f"{path}: Instances must be a list of at least one, got {short(instances)}")
    for number, one in enumerate(instances, 1):
        if not isinstance(one, dict) or not {"input", "output"} <= set(one):
            raise DataError(f"{path}: instance {number} must be an object with input and output, got {short(one)}")
    return list(enumerate(instances, 1))


def _example(one: dict[str, Any], number: int, *, begin: str, path: Path, task: str) -> Example:
    where = f"{path}: instance {number}"
    output = one["output"]
    if isinstance(output, list):
        if not output:
            raise DataError(f"{where}: output is an empty list; there is nothing to learn or to compare with")
        output = output[0]
    if not isinstance(output, str):
        raise DataError(f"{where}: output must be a text or a list of texts, got {short(output)}")
    return Example(task, f"{begin}{text(one, 'input', where=where)}\nOutput: ", output)
