"""The records of one board's folder: each judged alone, then beside the others. One bad record hides no other.

Memory holds what a board needs of each record, not the records; an index (`index.py`) remembers it, so that a run that
ends reads its own record only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from clbench.base.errors import ClbenchError, RecordError
from clbench.base.forked import mapped
from clbench.base.hashing import digest, file_digest
from clbench.boards.admission import admit
from clbench.boards.consistency import contradictions
from clbench.boards.entries import PAIRED_BOUNDS, Entry, entry_of
from clbench.boards.index import Index, Known, Stamp
from clbench.boards.signatures import best
from clbench.boards.values import Bounds, Values
from clbench.metrics.summaries import SummarySpec
from clbench.runs.boardcopy.common import BOARD_FILE
from clbench.runs.record import Board, Record, read_record, slug
from clbench.spec.stream import resolve
from clbench.spec.taskfiles import Catalog

_WORTH_A_PROCESS = 16  # records, of about 2 ms each


@dataclass(frozen=True, slots=True)
class Loaded:
    """The records of one board's folder that count, and what is wrong with the others."""

    records: list[Record]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a board is made of.

    Args:
        entries: the runs that count, by path.
        problems: what is wrong with other records, a line each.
        board: what all of them have in common; None where no record counts.
    """

    entries: list[Entry]
    problems: list[str]
    board: Board | None


def board_folders(leaderboards: Path, *, board: str | None = None) -> list[Path]:
    """Folders of records."""
    found = sorted(path for path in (leaderboards / "results").glob("*") if path.is_dir())
    if board is None:
        return found
    chosen = [path for path in found if path.name == board]
    if not chosen:
        raise RecordError(
            f"no board {board!r} in {leaderboards}; there is {', '.join(path.name for path in found) or 'none'}"
        )
    return chosen


def load_board(folder: Path, *, leaderboards: Path, tasks: frozenset[str] | None = None) -> Loaded:
    """Read a board's records whole: those that count, by path."""
    records: dict[str, Record] = {}
    problems: dict[str, str] = {}
    for name, _ in _files(folder):
        found = judge(folder / name, leaderboards=leaderboards)
        if isinstance(found, str):
            problems[name] = found
        else:
            records[name] = found
    entries = [entry_of(record, path=name, numbers={}) for name, record in records.items()]
    kept, refused = admit(entries, tasks=tasks)
    problems |= {one.path: f"{folder / one.path}: {one.reason}" for one in refused if one.reason}
    return Loaded([records[one.path] for one in kept], [problems[name] for name in sorted(problems)])


def judge(path: Path, *, leaderboards: Path) -> Record | str:
    """A record that lies where its content says and fits together; or what is wrong with it, in a line."""
    try:
        record = read_record(path)
        if record.path(leaderboards) != path:
            return f"{path}: belongs at {record.path(leaderboards)}; move it there, or restore its content"
        if wrong := contradictions(record):
            return f"{path}: contradicts itself: {'; '.join(wrong)}; restore its content, or remove it"
    except RecordError as error:
        return str(error)
    except Exception as error:  # whatever a record may be, it must not take the others along
        return f"{path}: cannot be understood ({type(error).__name__}: {error})"
    return record


def known_tasks(board: Board, catalog: Catalog) -> frozenset[str] | None:
    """The tasks of a board whose stream is installed as it was; None for other streams."""
    try:
        loaded = catalog.stream(board.stream)
        plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=board.variant)
    except ClbenchError:
        return None
    tasks = plan.identity()["tasks"]
    return frozenset(tasks) if digest(tasks) == board.tasks else None


def load_entries(
    folder: Path,
    *,
    leaderboards: Path,
    summaries: Sequence[SummarySpec],
    keys: Sequence[str],
    index: Index,
    catalog: Catalog | None = None,
) -> Found:
    """What a board is made of; only records that the index does not know are read.

    Args:
        folder: of the board's records.
        leaderboards: above it.
        summaries: functions of R.
        keys: of the board's columns.
        index: of this folder; what is read is put in.
        catalog: of streams, to tell which tasks a board has.
    """
    shared = folder / BOARD_FILE
    reader = _Reader(folder, leaderboards, Values(summaries), tuple(keys), index, stamp_of(shared), _hash(shared))
    found = sorted(_files(folder), key=lambda file: (not _may_bind(file[0]), file[0]))  # bounds first
    bounds = reader.take([file for file in found if _may_bind(file[0])])
    kept, _ = admit([one.entry for one in bounds if one.entry])
    reader.values = Values(summaries, kept)
    known = bounds + reader.take([file for file in found if not _may_bind(file[0])])
    index.keep_only({name for name, _ in found})
    entries = [one.entry for one in known if one.entry]
    problems = {one.path: one.problem for one in known if one.problem}
    board = read_record(folder / min(one.path for one in entries)).board if entries else None
    tasks = known_tasks(board, catalog) if board and catalog else None
    kept, refused = admit(entries, tasks=tasks)
    problems |= {one.path: f"{folder / one.path}: {one.reason}" for one in refused if one.reason}
    board = read_record(folder / kept[0].path).board if kept else None
    signed = [_signed(one, folder, problems) for one in kept]
    return Found(signed, [problems[name] for name in sorted(problems)], board)


def _signed(entry: Entry, folder: Path, problems: dict[str, str]) -> Entry:
    """With the tier that somebody has signed for; signatures change without the record, so no index keeps them."""
    try:
        found = best(folder / entry.path, entry.content)
    except RecordError as error:
        problems[f"{entry.path} signed"] = str(error)
        return entry
    return entry if found is None else replace(entry, tier=found.tier, signed=found.text)


@dataclass(slots=True)
class _Reader:
    """Records to entries, from the index where it knows them."""

    folder: Path
    leaderboards: Path
    values: Values
    keys: tuple[str, ...]
    index: Index
    shared_stamp: Stamp  # of what records have in common, which is a part of each
    shared: str

    def take(self, files: Sequence[tuple[str, Stamp]]) -> list[Known]:
        """What is known of each file; those that the index does not know are read, by all cores."""
        stamps = {name: stamp + self.shared_stamp for name, stamp in files}
        known = {name: one for name, stamp in stamps.items() if (one := self._kept(name, stamp))}
        unknown = [name for name in stamps if name not in known]
        for made, content in mapped(self._read, unknown, least=_WORTH_A_PROCESS):
            self.index.put(made, stamps[made.path], content)
            known[made.path] = made
        return [known[name] for name in stamps]

    def _kept(self, name: str, stamp: Stamp) -> Known | None:
        known = self.index.get(name, stamp, partial(self._content, name))
        return known if known and known.bounds == _told(self._bounds(known.entry)) else None

    def _content(self, name: str) -> str:
        return f"{_hash(self.folder / name)} {self.shared}"

    def _bounds(self, entry: Entry | None) -> Bounds:
        return self.values.bounds.get((entry.seed, entry.order), {}) if entry else {}

    def _read(self, name: str) -> tuple[Known, str]:
        """What a file is found to be, and the hash of what it was before it was read."""
        content = self._content(name)
        record = judge(self.folder / name, leaderboards=self.leaderboards)
        if isinstance(record, str):
            return Known(name, record, None, ""), content
        entry = entry_of(record, path=name, numbers=self.values.each(record, self.keys))
        return Known(name, "", entry, _told(self._bounds(entry))), content


def _told(bounds: Bounds) -> str:
    return repr(sorted(bounds.items())) if bounds else ""


def _may_bind(name: str) -> bool:
    """Whether a record's folder is that of a bound that others are measured against."""
    return name.partition("/")[0] in map(slug, PAIRED_BOUNDS)


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Records below a folder by their path in it, with a stamp that changes whenever their content does."""
    for place, _, names in os.walk(folder):
        below = Path(place).relative_to(folder).as_posix()
        for name in names:
            if name.endswith(".json") and (below, name) != (".", BOARD_FILE):
                path = Path(place) / name
                yield (name if below == "." else f"{below}/{name}"), stamp_of(path)


def _hash(path: Path) -> str:
    """Of a file's bytes; nothing where it cannot be read, which is judged elsewhere."""
    try:
        return file_digest(path) if path.is_file() else ""
    except OSError:
        return ""


def stamp_of(path: Path) -> Stamp:
    """Size, inode and times of a file; zeros where it cannot be asked."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
