"""What is known of the records of a board, kept in a file so that a run that ends judges its own record only.

The index decides nothing: an entry counts only while its record is what it was, and the code that made it is the same.
A run tells by size, inode and times of files, `clbench leaderboard` by every byte of them. Without an index, or where
it cannot be read, all records are judged again, to the same bytes; `clbench leaderboard --check` never has one.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import clbench
from clbench.base.hashing import digest, file_digest
from clbench.boards.entries import Entry, EntryMethod
from clbench.metrics.summaries import SummarySpec

Stamp = tuple[int, ...]
FRESH_SECONDS = 2.0  # a file changed this lately may change again without its times showing it
ROOMS = ("base", "boards", "methods", "metrics", "runs")  # whose code makes entries


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one file.

    Args:
        path: in the board's folder.
        problem: why it is no record of this board; empty for one that is.
        entry: of a record that is.
        bounds: those that its numbers were computed with.
    """

    path: str
    problem: str
    entry: Entry | None
    bounds: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one file, and of which.

    Args:
        stamp: of the file when it was judged.
        content: hash of it.
        known: the judgement.
    """

    stamp: Stamp
    content: str
    known: Known


@dataclass(slots=True)
class Index:
    """Entries by path; without a file it is empty and keeps nothing.

    Args:
        path: of the file.
        code: identity of what makes entries.
        thorough: whether an entry counts by its record's bytes, not by its stamp.
        known: what the file had.
    """

    path: Path | None = None
    code: str = ""
    thorough: bool = False
    known: dict[str, Kept] = field(default_factory=dict)
    changed: dict[str, Kept] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, leaderboards: Path, *, board: str, code: str, thorough: bool = False) -> Index:
        """The index of one board."""
        path = leaderboards / ".index" / f"{board}.sqlite"
        index = cls(path, code, thorough)
        with contextlib.suppress(sqlite3.Error, OSError, ValueError, TypeError, KeyError):
            if path.is_file():
                with contextlib.closing(sqlite3.connect(path)) as file:
                    (found,) = file.execute("select code from made").fetchone()
                    rows = file.execute("select path, stamp, bytes, content from entries") if found == code else ()
                    index.known = {row[0]: Kept(_stamp(row[1]), row[2], _parse(row[0], row[3])) for row in rows}
        return index

    def get(self, path: str, stamp: Stamp, content: Callable[[], str]) -> Known | None:
        """What is known of a file, if it is still as it was; `content` hashes it."""
        found = self.known.get(path)
        if found is None:
            return None
        if not self.thorough:
            return found.known if found.stamp == stamp else None
        if found.content != content():
            return None
        if found.stamp != stamp:  # which the next run goes by
            self.put(found.known, stamp, found.content)
        return found.known

    def put(self, known: Known, stamp: Stamp, content: str) -> None:
        """What was found out; not kept of a file that was changed just now."""
        if self.path is None:
            return
        if time.time() - max(stamp) / 1e9 > FRESH_SECONDS:
            self.changed[known.path] = Kept(stamp, content, known)
        else:
            self.gone.add(known.path)

    def keep_only(self, paths: set[str]) -> None:
        """Forget files that are not there any more."""
        self.gone |= self.known.keys() - paths

    def save(self) -> None:
        """Write what is new; a file that cannot be written is no loss."""
        if self.path is None or not (self.changed or self.gone & self.known.keys() or not self.path.is_file()):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            (self.path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
            if not self.known:
                self.path.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(self.path)) as file, file:
                file.execute("pragma synchronous = off")  # as it is no loss
                file.execute("create table if not exists made (code text)")
                file.execute(
                    "create table if not exists entries (path text primary key, stamp text, bytes text, content text)"
                )
                file.execute("delete from made")
                file.execute("insert into made values (?)", (self.code,))
                file.executemany("delete from entries where path = ?", ((path,) for path in self.gone))
                file.executemany("insert or replace into entries values (?, ?, ?, ?)", self._rows())
        except (sqlite3.Error, OSError):
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _rows(self) -> Iterable[tuple[str, str, str, str]]:
        for path, kept in self.changed.items():
            known = kept.known
            found = json.dumps([known.problem, known.bounds, _content(known.entry)])
            yield path, json.dumps(kept.stamp), kept.content, found


def identity(summaries: Sequence[SummarySpec], keys: Sequence[str]) -> str:
    """Hash of all that an entry depends on besides its record: the code of our rooms and of others' summaries."""
    package = Path(clbench.__file__).parent
    own = {path: file_digest(path) for room in ROOMS for path in sorted((package / room).rglob("*.py"))}
    others = {spec.target: _source(spec.target) for spec in summaries}
    return digest([{path.name: found for path, found in own.items()}, others, list(keys)])


def _source(target: str) -> str:
    """Hash of the file that a summary stands in."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        found = find_spec(target.partition(":")[0])
        if found and found.origin:
            return file_digest(Path(found.origin))
    return ""


def _stamp(text: str) -> Stamp:
    return tuple(map(int, json.loads(text)))


def _content(entry: Entry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    method = {name: getattr(entry.method, name) for name in EntryMethod.__slots__}
    return {**{name: getattr(entry, name) for name in Entry.__slots__}, "method": method}


def _parse(path: str, text: str) -> Known:
    problem, bounds, content = json.loads(text)
    if content is None:
        return Known(path, problem, None, bounds)
    lists = {name: tuple(content[name]) for name in ("tasks", "notes")}
    last = None if content["last"] is None else tuple(content["last"])
    method = EntryMethod(**content["method"])
    return Known(path, problem, Entry(**{**content, **lists, "last": last, "method": method}), bounds)
