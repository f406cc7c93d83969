"""The suites that are added as `cl-benchmark`: each by its layout, and read with its files verified.

In all tasks of the long and SuperNI streams dev.json is test.json, byte for byte, and SAPT's checkpoints are chosen on
it. Such a dev file is never read: validation records are held out of training records.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from clbench.base.errors import DataError, unknown_name
from clbench.data.archives import indexed, instances, labelled
from clbench.data.archives.layout import SPLITS, Layout
from clbench.data.archives.register import Register
from clbench.data.example import Example

KIND = "cl-benchmark"
ORIGIN = "on GitHub: cmnfriend/O-LoRA, circle-hit/SAPT, ECNU-ICALK/EasyCL"
REGISTER = Register(KIND, KIND, ORIGIN)
SUITES = MappingProxyType(
    {
        "o-lora": cast("Layout", labelled),
        "sapt": cast("Layout", instances),
        "easycl": cast("Layout", indexed),
    }
)
"""Name, which is also a source of records, to layout."""


def locate(path: Path, *, suite: str | None = None) -> dict[str, Path]:
    """The suites below a folder.

    Args:
        path: an archive's folder, or one above it or in it.
        suite: only this one.

    Raises:
        DataError: there is none, or one of them stands there more than once.
    """
    if suite is not None and suite not in SUITES:
        raise unknown_name(f"suite of {KIND}", suite, SUITES)
    found = {name: layout.find(path) for name, layout in SUITES.items() if suite in (None, name)}
    for name, roots in found.items():
        if len(roots) > 1:
            raise DataError(
                f"{path}: holds the layout of {name} more than once ({roots[0]}, {roots[1]}); name one folder"
            )
    if not any(found.values()):
        raise DataError(
            f"{path}: holds nothing of {KIND}: neither O-LoRA's CL_Benchmark/TYPE/TASK/train.json, nor SAPT's "
            "CL_Benchmark/{SuperNI,Long_Sequence}/TASK/train.json, nor EasyCL's benchmark/SUITE/dataset_info.json"
        )
    return {name: roots[0] for name, roots in found.items() if roots}


def register(found: dict[str, Path]) -> None:
    """Remember suites and the hashes of all files that their tasks are read from."""
    REGISTER.add({name: (root, files_of(name, root)) for name, root in found.items()})


def files_of(suite: str, root: Path) -> set[str]:
    """The files of all tasks, below the suite's folder."""
    layout = SUITES[suite]
    return {file for task in layout.tasks(root) for file in layout.files(root, task).values()}


def dev_of(suite: str, name: str) -> Literal["own", "test", "none"]:
    """What a registered suite's task has for dev records: its own, its test records once more, or none.

    Args:
        suite: such as `easycl`.
        name: the task's place in it, such as `ABSACL_ATSC/rest`.
    """
    files = SUITES[suite].files(REGISTER.folder(suite), name)
    hashes = REGISTER.entries()[suite]["files"]
    if "dev" not in files:
        return "none"
    return "test" if hashes.get(files["dev"]) == hashes.get(files.get("test", "")) else "own"


def read(suite: str, name: str, *, split: str, task: str) -> list[Example]:
    """One split of a registered suite's task.

    Args:
        suite: such as `o-lora`.
        name: the task's place in it, such as `TC/agnews`.
        split: `train`, `eval` or `test`.
        task: whose examples they become.

    Raises:
        DataError: the suite is not registered; a file is missing, malformed or has changed; or the dev records are the
            test records.
    """
    layout, root = SUITES[suite], REGISTER.folder(suite)
    part = "dev" if split == "eval" else split
    files = layout.files(root, name)
    if part not in files:
        raise DataError(f"{root}: {suite}'s archive has no {part} records of {name} here; add the whole archive")
    if part == "dev" and dev_of(suite, name) == "test":
        raise DataError(
            f"{root / files['dev']}: is the test file, byte for byte, so that nothing may be chosen by it; "
            "--split eval holds training records out instead"
        )
    for file in (files[one] for one in files if one == part or one not in SPLITS):
        REGISTER.path(suite, file)
    return layout.read(root, name, split=part, task=task)
