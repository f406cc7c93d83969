"""SHA-256 of weights, computed once: known again by path, size, times and inode, for as long as none of them changes.

Kept below `$CLBENCH_HOME/hashes`, or the user's own folder, a small file for each; it may be deleted at any time.
What was changed in the moment before it was hashed is not kept, as a later change might have the same time (git's
"racy" entries). What looks into others' words hashes anew (`anew`).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from clbench.base import atomic, home, spending
from clbench.base.errors import ClbenchError
from clbench.base.hashing import digest, file_digest

LEAST = 2**24  # bytes of a file that is worth it
SETTLED = 2.0  # seconds without a change
_anew: ContextVar[bool] = ContextVar("anew", default=False)


@contextlib.contextmanager
def anew() -> Iterator[None]:
    """Inside, every file is read again, whatever is known of it."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


def known_digest(path: Path) -> str:
    """`file_digest`, remembered for large files."""
    signs = _signs(path)
    if signs["size"] < LEAST:
        return file_digest(path)
    kept = home.hashes_dir() / f"{digest(signs['path'])}.json"
    if not _anew.get() and (found := _read(kept, signs)):
        return found
    with spending.on("hashing"):
        found = file_digest(path)
    if _signs(path) == signs and time.time() - max(signs["mtime"], signs["ctime"]) / 1e9 > SETTLED:
        with contextlib.suppress(ClbenchError):  # a folder that cannot be written: hashed again next time
            atomic.write_json(kept, {**signs, "sha256": found})
    return found


def _signs(path: Path) -> dict[str, Any]:
    """By what a file is known not to have changed; `ctime` moves where somebody sets `mtime` back."""
    place = path.resolve()
    told = place.stat()
    return {
        "path": str(place),
        "size": told.st_size,
        "mtime": told.st_mtime_ns,
        "ctime": told.st_ctime_ns,
        "inode": told.st_ino,
        "device": told.st_dev,
    }


def _read(kept: Path, signs: dict[str, Any]) -> str | None:
    try:
        told = json.loads(kept.read_text("utf-8"))
        found = told.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found if told == signs and isinstance(found, str) and len(found) == 64 else None
