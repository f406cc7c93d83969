"""A result as it is handed in: record, archive of its run and signature, laid out as boards keep them, with hashes.

What is handed in is a folder whose content goes into `leaderboards/` as it is. Its `submission.json` says which files
there are and their SHA-256, so that nothing is added, lost or damaged on the way; whether they are true is checked of
record and archive (`verify`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from clbench.base import atomic
from clbench.base.errors import FileError, RecordError, pydantic_line
from clbench.base.hashing import file_digest
from clbench.boards import signatures
from clbench.boards.loading import judge
from clbench.runs.boardcopy import compact
from clbench.runs.record import Part
from clbench.runs.rundir import RunDir
from clbench.runs.strict import Hash
from clbench.verification import archive
from clbench.verification.verify import finished

MANIFEST = "submission.json"


class Manifest(Part):
    """What a submission holds.

    Args:
        record: path of the record in it.
        files: SHA-256 of every file, by its path.
    """

    record: str
    files: Annotated[dict[str, Hash], Field(min_length=2, max_length=8)]


def write(run_dir: RunDir, folder: Path, *, who: str) -> Path:
    """Lay out a finished run for a pull request.

    Args:
        run_dir: of the run.
        folder: new or empty.
        who: hands it in.

    Returns:
        Path of the record.

    Raises:
        ClbenchError: the run is not finished, the folder is in use, or `who` is no name.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder}: is not empty; give a new folder")
    record = finished(run_dir)
    path = record.path(folder)
    compact.save(record, path)
    archive.pack(run_dir, archive.archive_path(path))
    signatures.sign(path, tier="reported", who=who)
    files = {name: file_digest(folder / name) for name in _files(folder)}
    manifest = Manifest(record=path.relative_to(folder).as_posix(), files=files)
    atomic.write_json(folder / MANIFEST, manifest.model_dump())
    return path


def read(folder: Path) -> Path:
    """Check that a submission is whole, and that its record lies where its content says and fits together.

    Args:
        folder: of it.

    Returns:
        Path of the record.

    Raises:
        RecordError: what is wrong with it.
    """
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); `clbench submit RUN` writes it") from error
    except (ValueError, RecursionError) as error:
        told = pydantic_line(error) if isinstance(error, ValidationError) else str(error)
        raise RecordError(f"{path}: is no list of a submission's files ({told})") from error
    there = set(_files(folder))
    if missing := sorted(set(manifest.files) - there):
        raise RecordError(f"{folder}: lacks {missing[0]}; ask for it again")
    if more := sorted(there - set(manifest.files)):
        raise RecordError(f"{folder}: holds {more[0]}, which its {MANIFEST} does not name; remove it")
    for name, expected in manifest.files.items():
        if file_digest(folder / name) != expected:
            raise RecordError(f"{folder / name}: is not the file that was handed in; ask for it again")
    if manifest.record not in manifest.files:
        raise RecordError(f"{path}: names no record among its files")
    found = judge(folder / manifest.record, leaderboards=folder)
    if isinstance(found, str):
        raise RecordError(found)
    return folder / manifest.record


def _files(folder: Path) -> list[str]:
    found = (one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    return sorted(name for name in found if name != MANIFEST)
