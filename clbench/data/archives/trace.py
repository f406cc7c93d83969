"""The official TRACE archive, as its authors distribute it: a folder or a zip, registered once and verified.

Layout: `…/LLM-CL-Benchmark_{500,1000,5000,Reasoning}/<task>/{train,eval,test}.json`. A single variant's folder will do.
A folder is registered where it is; a zip is unpacked into clbench's data folder. What is read later must have the hash
that it had when it was registered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from clbench.base.errors import DataError, unknown_name
from clbench.data.archives import unpacking
from clbench.data.archives.register import Register

OFFICIAL_SHA256 = "11152d50f8a093b1fc9c6c924ec207915d173b9e2d715396ec8f8a837e2668a8"  # TRACE-Benchmark.zip, 77 MB
REGISTER = Register("trace", "TRACE", "TRACE's README links it", instead=", or use --stream trace:mini")
FOLDERS = {
    "500": "LLM-CL-Benchmark_500",
    "1000": "LLM-CL-Benchmark_1000",
    "5000": "LLM-CL-Benchmark_5000",
    "reasoning": "LLM-CL-Benchmark_Reasoning",
}
SPLITS = ("train", "eval", "test")


def variant_of(folder: str) -> str:
    """The variant that a folder of the archive is.

    Raises:
        UnknownNameError: the archive has no such folder.
    """
    for variant, name in FOLDERS.items():
        if name == folder:
            return variant
    raise unknown_name("folder of the TRACE archive", folder, FOLDERS.values())


def has_split(folder: str, *, task: str, split: str) -> bool:
    """Whether a registered variant has a split of a task (`500` has no `20Minuten/eval.json`)."""
    return f"{task}/{split}.json" in REGISTER.entries().get(variant_of(folder), {}).get("files", {})


def split_path(folder: str, *, task: str, split: str) -> Path:
    """Path of one split, verified against its registered hash.

    Args:
        folder: the archive's folder, such as `LLM-CL-Benchmark_500`.
        task: the archive's name of the task, such as `C-STANCE`.
        split: `train`, `eval` or `test`.

    Raises:
        DataError: the variant is not registered, lacks the file, or the file has changed.
    """
    return REGISTER.path(variant_of(folder), f"{task}/{split}.json")


def locate(path: Path, *, tasks: Iterable[str], variant: str | None = None) -> dict[str, Path]:
    """Find the variants below a folder: variant to its folder.

    Args:
        path: the archive's root, any folder above it, or one variant's folder.
        tasks: the archive's task names, by which a variant's folder is known.
        variant: what a lone folder of tasks is; told from its name or its number of records when left out.

    Raises:
        DataError: nothing of TRACE's layout is there.
    """
    names = tuple(tasks)
    found = {
        key: folder
        for key, name in FOLDERS.items()
        for folder in sorted(path.glob(f"**/{name}"))
        if folder.is_dir() and "__MACOSX" not in folder.parts
    }
    if not found and all((path / name).is_dir() for name in names):
        found = {variant or _guess_variant(path, names[0]): path}
    if variant is not None:
        if variant not in FOLDERS:
            raise unknown_name("TRACE variant", variant, FOLDERS)
        found = {key: folder for key, folder in found.items() if key == variant}
    if not found:
        raise DataError(
            f"{path}: holds no LLM-CL-Benchmark_{{500,1000,5000,Reasoning}} folder, nor the folders {', '.join(names)}"
        )
    return found


def _guess_variant(path: Path, task: str) -> str:
    for variant, name in FOLDERS.items():
        if path.resolve().name == name:
            return variant
    try:
        size = len(json.loads((path / task / "train.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path / task / 'train.json'}: cannot be read as JSON ({error})") from error
    if str(size) in FOLDERS:
        return str(size)
    raise DataError(f"{path}: {task} has {size} training records, as no variant has; say which it is by --variant")


def register(variants: dict[str, Path]) -> None:
    """Remember folders and the hashes of their files."""
    REGISTER.add({variant: (folder, files_of(folder)) for variant, folder in variants.items()})


def files_of(folder: Path) -> list[str]:
    """The files of a variant, below its folder."""
    return [file.relative_to(folder).as_posix() for split in SPLITS for file in folder.glob(f"*/{split}.json")]


def unpack(path: Path, *, sha256: str | None = None) -> Path:
    """Unpack the archive's zip into the data folder; see `unpacking`.

    Args:
        path: the zip.
        sha256: the hash that it must have; the official archive's when left out.
    """
    return unpacking.unpack(path, kind="trace", expected=sha256 or OFFICIAL_SHA256, official=sha256 is None)
