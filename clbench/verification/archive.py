"""A run's folder in one file beside its record, so that the record can be checked by who has not the folder.

`<run-id>.zip` holds what a run leaves but for checkpoints and drafts. Nothing in it has to be believed: the record
states the SHA-256 of every file of predictions, and what is checked of the folder is checked of the archive, which must
hold the same record (a compact one is compared in its own form). The same folder gives the same bytes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from clbench.base import atomic
from clbench.base.errors import RecordError
from clbench.runs.boardcopy.compact import compacted
from clbench.runs.record import read_record
from clbench.runs.rundir import RunDir

LARGEST = 8 << 30  # bytes of all members together
_MEMBER = re.compile(r"(record|run|matrix)\.json|events\.jsonl|predictions/[0-9]{2,}/[a-z0-9][a-z0-9._-]*\.jsonl")
_PART = 1 << 20


def archive_path(record: Path) -> Path:
    """Where a record's archive is: beside it."""
    return record.with_suffix(".zip")


def pack(run_dir: RunDir, path: Path) -> Path:
    """Write a finished run's archive.

    Args:
        run_dir: of the run.
        path: of the archive.

    Raises:
        RecordError: the run is not finished, or the file cannot be written.
    """
    if run_dir.finished() is None:
        raise RecordError(f"run {run_dir.run_id} is not finished; run the same command again first")
    files = {one.relative_to(run_dir.path).as_posix(): one for one in run_dir.path.rglob("*") if one.is_file()}
    with atomic.replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in filter(_MEMBER.fullmatch, sorted(files)):
            with files[name].open("rb") as source, archive.open(_entry(name), "w") as target:
                shutil.copyfileobj(source, target)
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    """With neither times nor owners, which say nothing of the content."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


@contextlib.contextmanager
def unpacked(record: Path) -> Iterator[RunDir]:
    """The folder of a record's run, from the archive beside it; it is gone afterwards.

    Args:
        record: path of the record.

    Raises:
        RecordError: there is no archive, it is damaged, holds something else, or holds another record.
    """
    path, known = archive_path(record), read_record(record)
    if not path.is_file():
        raise RecordError(f"{path}: is not there; verify the run's folder, or ask its owner for `show RUN --pack`")
    with tempfile.TemporaryDirectory(prefix="clbench-archive-") as name:
        folder = Path(name) / known.run
        folder.mkdir()
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, folder, path)
        except (OSError, zipfile.BadZipFile, ValueError, RuntimeError, EOFError, NotImplementedError) as error:
            raise RecordError(f"{path}: is no archive of a run ({' '.join(str(error).split())[:100]})") from error
        run_dir = RunDir(folder)
        own = run_dir.finished()
        if own is None or known not in (own, compacted(own)):
            raise RecordError(f"{path}: holds another record than {record.name}")
        yield run_dir


def _unpack(archive: zipfile.ZipFile, folder: Path, path: Path) -> None:
    """Only what a run leaves, and no more bytes than a run may have, whatever the archive says of itself."""
    left = LARGEST
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise RecordError(f"{path}: a file stands twice in it")
    for name in names:
        if not _MEMBER.fullmatch(name):
            raise RecordError(f"{path}: holds {name[:80]!r}, which is no file of a run")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, target.open("wb") as file:
            while part := source.read(_PART):
                left -= len(part)
                if left < 0:
                    raise RecordError(f"{path}: unpacks to more than {LARGEST:,} bytes")
                file.write(part)
