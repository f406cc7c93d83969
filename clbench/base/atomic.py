"""Writing files so that a reader sees the old content or the new, never a part; and one writer at a time."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from clbench.base.errors import BusyError, RecordError
from clbench.base.hashing import digest

LOCK_SECONDS = 120  # a board is rewritten in well under a second
LOCK_FILES = (".lock", ".owner")
SIGN_SECONDS = 15  # between two signs of life of a lock's owner
SIGNS = "signs of life"  # name of the thread that gives them
SILENT_SECONDS = 100  # without one, an owner on another host is gone; network file systems show changes a minute late
OLD_SECONDS = 86400  # of a temporary file whose writer cannot be asked
_TEMPORARY = re.compile(r"\..+?(?:\.([0-9a-f]{8})-(\d+))?\.[a-z0-9_]{8}\.tmp")


def write_text(path: Path, text: str) -> None:
    """Replace a file's content atomically and durably.

    Raises:
        RecordError: the folder cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`, of what is no text."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes another one's place when all of it is written and durable.

    Raises:
        RecordError: the folder cannot be written.
    """
    handle, name = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_temporary(path.parent)
        handle, name = _temporary(path)
        with open(handle, "w+b") as file:  # noqa: PTH123 (a descriptor, not a path)
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp's 0600 would hide a shared board from others
        Path(name).replace(path)
    except (OSError, UnicodeEncodeError) as error:
        raise RecordError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[int, str]:
    """A new file beside another one, named after it and this process."""
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{_machine()}-{os.getpid()}.", suffix=".tmp")


def _machine() -> str:
    """Where process numbers mean what they mean here: the host, and on Linux the container."""
    with contextlib.suppress(OSError, AttributeError):
        return digest([socket.gethostname(), str(Path("/proc/self/ns/pid").readlink())])[:8]
    return digest([socket.gethostname()])[:8]


def drop_temporary(folder: Path) -> None:
    """Remove what writers that were killed have left: their process is dead, or the file is older than a day."""
    for path in folder.glob(".*.tmp"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None:
            continue
        machine, number = match.groups()
        with contextlib.suppress(OSError):
            dead = machine == _machine() and not _is_alive(int(number))
            if dead or time.time() - path.stat().st_mtime > OLD_SECONDS:
                path.unlink(missing_ok=True)


def _is_alive(number: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


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

    The operating system keeps the lock, `.lock`. Some network file systems keep it on each host apart, so that its
    owner also signs, in `.owner`: another host's owner is waited for, until it gives no sign of life any more.

    Args:
        folder: made when it is missing.
        seconds: to wait for another process; the default is longer than any rewriting of a board takes.
        doing: what the other process is at, for the message.

    Raises:
        BusyError: another process holds it.
        RecordError: the folder cannot be written.
    """
    import filelock

    path, end = folder / ".lock", time.monotonic() + seconds
    held = filelock.FileLock(path, timeout=seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except filelock.Timeout as error:
        raise BusyError(
            f"{path}: another process is {doing} (waited {seconds:g} s); wait for it or stop it, then try again"
        ) from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be written ({error.strerror or error})") from error
    try:
        with _signed(folder / ".owner", end=end, doing=doing):
            yield
    finally:
        held.release()


@contextlib.contextmanager
def _signed(path: Path, *, end: float, doing: str) -> Iterator[None]:
    """Own a folder before other hosts, and keep giving signs of life."""
    own = json.dumps({"host": socket.gethostname(), "process": os.getpid()})
    try:
        while not _sign(path, own):
            if time.monotonic() >= end:
                raise BusyError(_held_elsewhere(path, doing=doing))
            time.sleep(0.2)
    except OSError as error:
        raise RecordError(f"{path}: cannot be written ({error.strerror or error})") from error
    over = threading.Event()
    signs = threading.Thread(name=SIGNS, target=_give_signs, args=(path, over), daemon=True)
    signs.start()
    try:
        yield
    finally:
        over.set()
        signs.join()
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8") == own:  # unless someone took it for a dead one's
                path.unlink()


def _sign(path: Path, own: str) -> bool:
    """Make the owner's file, whole and only if there is none, or only one that need not be respected."""
    handle, name = _temporary(path)
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor, not a path)
            file.write(own)
        if _is_respected(path, now=Path(name).stat().st_mtime):
            return False
        path.unlink(missing_ok=True)
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            Path(name).replace(path)
        return True
    finally:
        Path(name).unlink(missing_ok=True)


def _is_respected(path: Path, *, now: float) -> bool:
    """Whether an owner may still be alive: on this host none is, as the operating system has just given us its lock.

    Args:
        path: the owner's file.
        now: the file system's own time, whatever the clocks of the hosts say.
    """
    try:
        silent = now - path.stat().st_mtime
        return _owner(path).get("host") != socket.gethostname() and silent < SILENT_SECONDS
    except FileNotFoundError:
        return False


def _owner(path: Path) -> dict[str, Any]:
    """Who signed; empty where that cannot be told."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _held_elsewhere(path: Path, *, doing: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        owner = _owner(path)
        if "host" in owner:
            who = f"process {owner.get('process')} on host {owner['host']} is {doing}"
            return f"{path}: {who}; wait for it or stop it; if it is gone, {_MEND}"
    return f"{path}: another host's process may be {doing}; {_MEND}"


_MEND = f"remove this file (without a sign of life it counts for {SILENT_SECONDS} s only)"


def _give_signs(path: Path, over: threading.Event) -> None:
    while not over.wait(SIGN_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)
