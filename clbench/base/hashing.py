"""Content hashes: the same content gives the same hash on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON value, independent of key order and white space."""
    return hashlib.sha256(_bytes(value)).hexdigest()


def digest_each(values: Iterable[Any], *, number: int | None = None) -> str:
    """`digest(list(values))`, or with a number `digest([number, list(values)])`, one value at a time."""
    found = hashlib.sha256(b"[" if number is None else b"[%d,[" % number)
    for place, value in enumerate(values):
        found.update((b"," if place else b"") + _bytes(value))
    found.update(b"]" if number is None else b"]]")
    return found.hexdigest()


def _bytes(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
