"""Zips of archives, unpacked without leaving their folder and without filling a disk."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from clbench.base import home
from clbench.base.errors import DataError
from clbench.base.hashing import file_digest

MAX_UNPACKED = 1 << 30  # bytes; TRACE's archive unpacks to about 0.4 GiB
MAX_MEMBER = 1 << 28  # bytes of one file, which is read whole
MAX_MEMBERS = 2_000


def unpack(path: Path, *, kind: str, expected: str | None = None, official: bool = False) -> Path:
    """Unpack a zip safely into the data folder.

    Args:
        path: the zip.
        kind: of archive; with the zip's hash it names the folder, so that unpacking again does nothing.
        expected: the hash that it must have; any when None.
        official: whether that is the hash that the authors' own zip has.

    Returns:
        The folder it was unpacked to.

    Raises:
        DataError: another hash, no zip, or members that would leave the folder, are links, or unpack to too much.
    """
    actual = file_digest(path)
    if expected is not None and actual != expected.casefold():
        raise DataError(
            f"{path}: has SHA-256 {actual}, not {expected.casefold()}{' (the official archive)' if official else ''}; "
            "download it again, or pass --sha256 with this file's hash if it is the copy you mean"
        )
    target = home.data_dir() / f"{kind}-{actual[:12]}"
    if target.is_dir():
        return target
    try:
        with zipfile.ZipFile(path) as archive:
            _extract(archive, _safe_members(archive, path, kind=kind), target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path}: is no readable zip archive ({error})") from error
    return target


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


def _safe_members(archive: zipfile.ZipFile, path: Path, *, kind: str) -> list[zipfile.ZipInfo]:
    """The members to unpack: every name is checked, even of those that are left out."""
    members = archive.infolist()
    sizes = [member.file_size for member in members]
    if len(members) > MAX_MEMBERS or sum(sizes) > MAX_UNPACKED or max(sizes, default=0) > MAX_MEMBER:
        raise DataError(
            f"{path}: has too many files, one of over {MAX_MEMBER >> 20} MiB, or unpacks to over "
            f"{MAX_UNPACKED >> 30} GiB; this is not {'TRACE' if kind == 'trace' else kind}'s archive"
        )
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if name.is_absolute() or ".." in name.parts or ":" in member.filename or is_link:
            raise DataError(
                f"{path}: member {member.filename!r} would be unpacked outside its folder; nothing was unpacked"
            )
    return [member for member in members if "__MACOSX" not in member.filename]
