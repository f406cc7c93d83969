"""Threads and child processes that go on when a hook has returned."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path


def running() -> dict[str, str]:
    """Threads of Python and child processes of this process, by what they are known by, with a name for people."""
    threads = {f"thread {one.ident}": f"the thread {one.name!r}" for one in threading.enumerate()}
    return threads | {f"process {number}": f"process {number} ({name})" for number, name in _children()}


def since(before: dict[str, str]) -> list[str]:
    """What runs now and did not then."""
    return [name for key, name in running().items() if key not in before]


def _children() -> Iterator[tuple[int, str]]:
    """Where the system lists them; one that has ended and was not waited for is none."""
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            for number in map(int, path.read_text("ascii").split()):
                state, name = _process(number)
                if state != "Z":
                    yield number, name


def _process(number: int) -> tuple[str, str]:
    status = Path(f"/proc/{number}/stat").read_bytes().decode(errors="replace")
    name, _, rest = status.partition("(")[2].rpartition(")")
    return rest.split()[0], name if number != os.getpid() else ""
