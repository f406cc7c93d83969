"""Which split a prompt of `mini` belongs to."""

from __future__ import annotations

import hashlib

SPLITS = ("train", "eval", "test")


def split_of(prompt: str) -> str:
    """The one split that a prompt belongs to: 20 % test, 10 % eval, the rest train."""
    bucket = int.from_bytes(hashlib.sha256(prompt.encode()).digest(), "big") % 10
    return "test" if bucket < 2 else "eval" if bucket == 2 else "train"
