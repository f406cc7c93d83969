"""Writing files so that a reader sees the old content or the new, never a part; and one writer at a time."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.errors import RecordError

LOCK_SECONDS = 120  # a board is rewritten in well under a second


def write_text(path: Path, text: str) -> None:
    """Replace a file's content atomically and durably.

    Raises:
        RecordError: the folder cannot be written.
    """
    handle, name = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 (a descriptor, not a path)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp's 0600 would hide a shared board from others
        Path(name).replace(path)
    except (OSError, UnicodeEncodeError) as error:
        raise RecordError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a JSON document: UTF-8, keys in their order, no NaN."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def check_writable(folder: Path, *, option: str) -> None:
    """Find out before a run, not after it, that its folder cannot be written.

    Args:
        folder: made when it is missing.
        option: what the user can set to mend it.

    Raises:
        RecordError: with the mend.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RecordError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder by {option}"
        ) from error


@contextlib.contextmanager
def lock(folder: Path, *, seconds: float = LOCK_SECONDS, doing: str = "writing here") -> Iterator[None]:
    """One process at a time in a folder; the lock dies with its process.

    Args:
        folder: made when it is missing.
        seconds: to wait for another process; the default is longer than any rewriting of a board takes.
        doing: what the other process is at, for the message.

    Raises:
        RecordError: another process holds it.
    """
    import filelock

    path = folder / ".lock"
    held = filelock.FileLock(path, timeout=seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except filelock.Timeout as error:
        raise RecordError(
            f"{path}: another process is {doing} (waited {seconds:g} s); wait for it or stop it, then try again"
        ) from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be written ({error.strerror or error})") from error
    try:
        yield
    finally:
        held.release()
