"""Archives in the layouts of O-LoRA, SAPT and EasyCL, with words of our own: two tasks each, dev being test."""

import json
from pathlib import Path
from typing import Any

COLOURS = ("red", "blue")


def write(path: Path, value: Any) -> Path:
    """As JSON, in folders that are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return path


def pairs(size: int, *, begin: int = 0) -> list[tuple[str, str]]:
    """Texts and colours."""
    return [(f"Thing {number} is {COLOURS[number % 2]}.", COLOURS[number % 2]) for number in range(begin, begin + size)]


def splits(train: int = 20, test: int = 6) -> dict[str, list[tuple[str, str]]]:
    """Dev is test, as in the archives."""
    return {"train": pairs(train), "dev": pairs(test, begin=100), "test": pairs(test, begin=100)}


def o_lora(root: Path) -> Path:
    """A repository: `CL_Benchmark` and `configs`; returns the folder of types."""
    config = {
        kind: [{"instruction_type": "zero-shot", "instruction": f"Which colour? ({kind})\n"}] for kind in ("TC", "SC")
    }
    write(root / "configs/instruction_config.json", config)
    for place in ("TC/agnews", "SC/amazon", "COPA/COPA"):
        for split, found in splits().items():
            write(
                root / f"CL_Benchmark/{place}/{split}.json",
                [{"label": label, "sentence": text} for text, label in found],
            )
        write(root / f"CL_Benchmark/{place}/labels.json", list(COLOURS))
    return root / "CL_Benchmark"


def sapt(root: Path) -> Path:
    """Two tasks of SuperNI, whose second has another's ids and several outputs, and one of the long stream."""
    for place in ("SuperNI/task073_commonsenseqa_answer_generation", "SuperNI/task1687_sentiment140_classification"):
        for split, found in splits().items():
            instances = [
                {
                    "id": f"task{'073' if '073' in place else '195'}-{number}",
                    "input": text,
                    "output": [label, "no colour"],
                }
                for number, (text, label) in enumerate(found)
            ]
            whole = {"Definition": [" Which colour? "], "Positive Examples": [], "Instances": instances}
            write(root / f"CL_Benchmark/{place}/{split}.json", whole)
    for name, definition in (("agnews", ["Which colour?\n"]), ("copa", [])):
        for split, found in splits().items():
            instances = [{"input": text, "output": label} for text, label in found]
            write(
                root / f"CL_Benchmark/Long_Sequence/{name}/{split}.json",
                {"Definition": definition, "Instances": instances},
            )
    write(root / "generated_data/t5/SuperNI/task073/train.json", {"Definition": ["x"], "Instances": []})
    return root / "CL_Benchmark"


def easycl(root: Path) -> Path:
    """One task of the long stream, and one domain whose dev records are its own."""
    index: dict[str, dict[str, dict[str, str]]] = {"LNT": {}, "ABSACL_ATSC": {}}
    for suite, task in (("LNT", "agnews"), ("ABSACL_ATSC", "Router")):
        parts = splits() | ({"dev": pairs(4, begin=200)} if task == "Router" else {})
        for split, found in parts.items():
            file = f"{task}/{task}_{split}.json"
            asked = "Which colour?\nOption: red, blue" if suite == "LNT" else "Which colour?"
            records = [{"instruction": asked, "input": text, "output": label} for text, label in found]
            write(root / "benchmark" / suite / file, records)
            name = task if split == "train" and suite == "LNT" else f"{task}_{split}"
            index[suite][name] = {"file_name": file, "formatting": "alpaca", "split": split}
    for suite, entries in index.items():
        write(root / "benchmark" / suite / "dataset_info.json", entries)
    return root / "benchmark"


LAYOUTS = {"o-lora": o_lora, "sapt": sapt, "easycl": easycl}
