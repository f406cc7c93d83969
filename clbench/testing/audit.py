"""What a method does to the process while one of its hooks runs: files, objects it looks for, processes.

Python's audit hooks tell of it, and cannot be removed or avoided from Python; they see nothing of C extensions.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.base import background
from clbench.base.atomic import LOCK_FILES

_HUNTING = frozenset({"gc.get_objects", "gc.get_referrers", "sys._current_frames", "sys._getframe"})
_READS = frozenset({"open", "os.listdir", "os.scandir"})
_CHANGES = frozenset({"remove", "rename", "rmdir", "truncate", "link", "symlink", "mkdir", "chmod", "utime"})
_FILES = _READS | {f"os.{name}" for name in _CHANGES}
_STARTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "subprocess.Popen"})
_WATCHED = _FILES | _STARTS | _HUNTING


@dataclass(slots=True)
class Watch:
    """What to tell of.

    Args:
        folder: files below it are nobody's business.
        allowed: but for those below this one.
        packages: top-level packages of the method.
        tell: given the property that is hurt and what was done.
        thread: in which the hook runs.
    """

    folder: Path
    allowed: Path
    packages: Collection[str]
    tell: Callable[[str, str], None]
    thread: int = field(default_factory=threading.get_ident)

    def event(self, event: str, args: tuple[Any, ...], caller: str) -> None:
        """Something happened.

        Args:
            event: Python's name for it.
            args: of the event.
            caller: module that did it.
        """
        if background.is_own():
            return  # a checkpoint that is written while the hook runs
        if event in _FILES:
            self._file(event, args)
        elif event in _STARTS:
            self.tell("leaves-nothing", f"starts a process ({event}), which may outlive the run")
        elif event != "sys._getframe":
            self.tell("no-peeking", f"calls {event} to look for objects that it was not given")
        elif caller.partition(".")[0] in self.packages and args[0].f_globals.get("__name__") != caller:
            self.tell("no-peeking", "climbs the call stack by sys._getframe")

    def _file(self, event: str, args: tuple[Any, ...]) -> None:
        """Renaming and linking have two places."""
        for one in args[:2] if event not in _READS else args[:1]:
            if isinstance(one, str | bytes | os.PathLike):
                self._place(event, args, Path(os.path.abspath(os.fsdecode(one))))  # noqa: PTH100 (no file is asked)

    def _place(self, event: str, args: tuple[Any, ...], path: Path) -> None:
        if not path.is_relative_to(self.folder) or path.is_relative_to(self.allowed):
            return
        if path.name in LOCK_FILES and threading.get_ident() != self.thread:
            return  # the run's own sign of life, which another thread gives every few seconds
        place = path.relative_to(self.folder)
        if event not in _READS or (event == "open" and _writes(args)):
            self.tell("no-writing", f"writes {place}")
        else:
            self.tell("no-peeking", f"{'reads' if event == 'open' else 'lists'} {place}")


def is_test(fault: str) -> bool:
    """Whether a fault is about a file of test data."""
    return fault.endswith(".test.jsonl")


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


class _Listener:
    """The one audit hook of this process; it costs nothing while nobody listens."""

    def __init__(self) -> None:
        self.installed = self.busy = False
        self.watch: Watch | None = None

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.watch is None or self.busy or event not in _WATCHED:
            return
        self.busy = True
        try:
            self.watch.event(event, args, sys._getframe(1).f_globals.get("__name__", ""))
        finally:
            self.busy = False


_listener = _Listener()


@contextlib.contextmanager
def listening(watch: Watch) -> Iterator[None]:
    """While a hook of the method runs."""
    if not _listener.installed:
        sys.addaudithook(_listener)
        _listener.installed = True
    kept, _listener.watch = _listener.watch, watch
    try:
        yield
    finally:
        _listener.watch = kept
