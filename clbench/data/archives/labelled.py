r"""O-LoRA's layout: `CL_Benchmark/<TYPE>/<task>/{train,dev,test,labels}.json`, and one instruction for each type.

A record is `{"label", "sentence"}`. A prompt is, as `src/uie_dataset_lora.py` of the repository puts it together, the
type's instruction, `Option: ` and the labels, a blank, a line break, the sentence, a line break and `Answer:`. COPA's
sentence holds its question, so that nothing stands before it. The scripts put `Task:` and `Dataset:` before all this,
which tells a model which task it is at; here they are left out.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError
from clbench.data.archives.layout import SPLITS, no_options, options, records, roots_of, text
from clbench.data.example import Example
from clbench.data.records import read_objects

TYPES = ("NLI", "QQP", "SC", "TC", "BoolQA", "MultiRC", "WiC", "COPA")
WHOLE = ("COPA",)  # types whose sentences hold all that is asked
CONFIGS = ("instruction_config.json", "configs/instruction_config.json", "../configs/instruction_config.json")


def find(path: Path) -> list[Path]:
    """Folders of types of tasks."""
    return roots_of((file for kind in TYPES for file in path.glob(f"**/{kind}/*/train.json")), up=2)


def tasks(root: Path) -> list[str]:
    """Such as `TC/agnews`."""
    return [f"{kind}/{file.parent.name}" for kind in TYPES for file in sorted(root.glob(f"{kind}/*/train.json"))]


def files(root: Path, name: str) -> dict[str, str]:
    """The splits, the labels, and the instructions where the type has one."""
    found = {split: f"{name}/{split}.json" for split in SPLITS if (root / f"{name}/{split}.json").is_file()}
    found["labels"] = f"{name}/labels.json"
    return found if name.startswith(WHOLE) else {**found, "instructions": _config(root)}


def read(root: Path, name: str, *, split: str, task: str) -> list[Example]:
    """One split; every part of a prompt from the archive."""
    labels = options(root / name / "labels.json")
    kind = name.partition("/")[0]
    before = "" if kind in WHOLE else f"{_instruction(root, kind)}Option: {', '.join(labels)} \n"
    found = records(root / name / f"{split}.json", columns=("label", "sentence"), layout="O-LoRA")
    return [
        Example(task, f"{before}{text(record, 'sentence', where=where)}\nAnswer:", text(record, "label", where=where))
        for where, record in found
    ]


def oddities(root: Path, name: str, *, split: str) -> list[str]:
    """Labels that are no options."""
    known = set(options(root / name / "labels.json"))
    found = records(root / name / f"{split}.json", columns=("label", "sentence"), layout="O-LoRA")
    strange = Counter(record["label"] for _, record in found if record["label"] not in known)
    return no_options(strange, split=split)


def _config(root: Path) -> str:
    for name in CONFIGS:
        if (root / name).is_file():
            return name
    raise DataError(
        f"{root}: has no instruction_config.json, neither in it nor in configs/ beside it; prompts begin with its words"
    )


def _instruction(root: Path, kind: str) -> str:
    """The first instruction of a type, as the scripts' `--instruction_strategy single` takes it."""
    path = root / _config(root)
    config: Any = next((value for _, value in read_objects(path)), {})
    match config.get(kind) if isinstance(config, dict) else None:
        case [{"instruction": str(first)}, *_] if first:
            return first
    raise DataError(f"{path}: has no instruction for {kind!r}; expected is a list of objects with `instruction`")
