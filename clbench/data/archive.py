"""The official TRACE archive, as its authors distribute it: a folder or a zip, registered once and verified.

Layout: `…/LLM-CL-Benchmark_{500,1000,5000,Reasoning}/<task>/{train,eval,test}.json`. A single variant's folder will do.
A folder is registered where it is; a zip is unpacked into clbench's data folder. What is read later must have the hash
that it had when it was registered.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from clbench.base import atomic, home
from clbench.base.errors import DataError, unknown_name
from clbench.base.hashing import file_digest

OFFICIAL_SHA256 = "11152d50f8a093b1fc9c6c924ec207915d173b9e2d715396ec8f8a837e2668a8"  # TRACE-Benchmark.zip, 77 MB
MAX_UNPACKED = 1 << 30  # bytes; the official archive unpacks to about 0.4 GiB
MAX_MEMBER = 1 << 28  # bytes of one file, which is read whole
MAX_MEMBERS = 2_000
FOLDERS = {
    "500": "LLM-CL-Benchmark_500",
    "1000": "LLM-CL-Benchmark_1000",
    "5000": "LLM-CL-Benchmark_5000",
    "reasoning": "LLM-CL-Benchmark_Reasoning",
}
SPLITS = ("train", "eval", "test")


def registry_file() -> Path:
    """What is registered: variant to folder and file hashes."""
    return home.data_dir() / "trace.json"


def registered() -> dict[str, dict[str, object]]:
    """`{"500": {"path": …, "files": {"C-STANCE/train.json": sha256, …}}}`.

    Raises:
        DataError: the register itself is damaged.
    """
    path = registry_file()
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["variants"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: is damaged ({error}); delete it and run `clbench data add trace PATH` again"
        ) from error


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
    files = registered().get(variant_of(folder), {}).get("files", {})
    return isinstance(files, dict) and f"{task}/{split}.json" in files


def split_path(folder: str, *, task: str, split: str) -> Path:
    """Path of one split, verified against its registered hash.

    Args:
        folder: the archive's folder, such as `LLM-CL-Benchmark_500`.
        task: the archive's name of the task, such as `C-STANCE`.
        split: `train`, `eval` or `test`.

    Raises:
        DataError: the variant is not registered, lacks the file, or the file has changed.
    """
    variant = variant_of(folder)
    entry = registered().get(variant)
    if entry is None:
        raise DataError(
            f"TRACE variant {variant!r} is not installed: get the archive (TRACE's README links it) and run "
            "`clbench data add trace PATH`, or use --stream trace:mini"
        )
    name = f"{task}/{split}.json"
    files = entry["files"]
    assert isinstance(files, dict)
    path = Path(str(entry["path"])) / name
    if name not in files or not path.is_file():
        raise DataError(f"TRACE variant {variant!r} has no {name} (looked for {path}); add the archive again")
    if file_digest(path) != files[name]:
        raise DataError(f"{path}: changed since it was added; restore it, or run `clbench data add trace PATH` again")
    return path


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
    entries = registered()
    for variant, folder in variants.items():
        files = sorted(file for split in SPLITS for file in folder.glob(f"*/{split}.json"))
        hashes = {file.relative_to(folder).as_posix(): file_digest(file) for file in files}
        entries[variant] = {"path": str(folder.resolve()), "files": hashes}
    atomic.write_json(registry_file(), {"schema": 1, "variants": entries})


def unregister(variant: str) -> Path:
    """Forget a variant; what clbench unpacked of it goes too, and a folder of the user's own stays.

    Args:
        variant: such as `500`.

    Returns:
        Where its files were.

    Raises:
        UnknownNameError: it is not registered.
    """
    entries = registered()
    if variant not in entries:
        raise unknown_name("registered variant of TRACE", variant, entries)
    folder = Path(str(entries.pop(variant)["path"]))
    atomic.write_json(registry_file(), {"schema": 1, "variants": entries})
    own = home.data_dir().resolve()
    if folder.is_relative_to(own):
        discard(own / folder.relative_to(own).parts[0])
    return folder


def unpack(path: Path, *, sha256: str | None = None) -> Path:
    """Unpack the archive's zip safely into the data folder.

    Args:
        path: the zip.
        sha256: the hash that it must have; the official archive's when left out.

    Returns:
        The folder it was unpacked to, named by its hash: unpacking again does nothing.

    Raises:
        DataError: another hash, no zip, or members that would leave the folder, are links, or unpack to too much.
    """
    actual = file_digest(path)
    expected = (sha256 or OFFICIAL_SHA256).casefold()
    if actual != expected:
        raise DataError(
            f"{path}: has SHA-256 {actual}, not {expected}{'' if sha256 else ' (the official archive)'}; "
            "download it again, or pass --sha256 with this file's hash if it is the copy you mean"
        )
    target = home.data_dir() / f"trace-{actual[:12]}"
    if target.is_dir():
        return target
    try:
        with zipfile.ZipFile(path) as archive:
            members = _safe_members(archive, path)
            _extract(archive, members, target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path}: is no readable zip archive ({error})") from error
    return target


def discard(root: Path) -> None:
    """Remove what was unpacked in vain, unless a registered variant is read from it."""
    if not any(Path(str(entry["path"])).is_relative_to(root.resolve()) for entry in registered().values()):
        shutil.rmtree(root, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], target: Path) -> None:
    """Into a new folder beside the target, renamed when complete."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as scratch:
            for member in members:
                archive.extract(member, scratch)
            shutil.move(scratch, target)
            Path(scratch).mkdir()  # TemporaryDirectory removes what it made
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}); CLBENCH_HOME moves it") from error


def _safe_members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The members to unpack: every name is checked, even of those that are left out."""
    members = archive.infolist()
    sizes = [member.file_size for member in members]
    if len(members) > MAX_MEMBERS or sum(sizes) > MAX_UNPACKED or max(sizes, default=0) > MAX_MEMBER:
        raise DataError(
            f"{path}: has too many files, one of over {MAX_MEMBER >> 20} MiB, or unpacks to over "
            f"{MAX_UNPACKED >> 30} GiB; this is not TRACE's archive"
        )
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if name.is_absolute() or ".." in name.parts or ":" in member.filename or is_link:
            raise DataError(
                f"{path}: member {member.filename!r} would be unpacked outside its folder; nothing was unpacked"
            )
    return [member for member in members if "__MACOSX" not in member.filename]
