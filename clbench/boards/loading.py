"""The records of one board's folder: each judged alone, then beside the others. One bad record hides no other.

Memory holds what a board needs of each record, not the records; an index (`index.py`) remembers it, so that a run that
ends reads its own record only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
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
    from clbench.spec.stream import resolve

    try:
        loaded = catalog.stream(board.stream)
        plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=board.variant)
    except ClbenchError:
        return None
    tasks = plan.identity()["tasks"]
    return frozenset(tasks) if digest(tasks) == board.tasks else None


def load_entries(folder: Path, *, index: Index, **how: Any) -> Found:
    """What one board is made of. See `load_boards`."""
    (found,) = load_boards([(folder, index)], **how)
    return found


def load_boards(
    boards: Sequence[tuple[Path, Index]],
    *,
    leaderboards: Path,
    summaries: Sequence[SummarySpec],
    keys: Sequence[str],
    catalog: Callable[[], Catalog] | None = None,
) -> list[Found]:
    """What boards are made of; only records that their indexes do not know are read.

    Args:
        boards: folders of records, and their indexes; what is read is put in.
        leaderboards: above them.
        summaries: functions of R.
        keys: of the boards' columns.
        catalog: makes one of streams, to tell which tasks a board has; asked beside the reading, as it takes its time.
    """
    catalog = cache(catalog) if catalog else None
    readers = [
        _Reader(folder, leaderboards, Values(summaries), tuple(keys), index, stamp_of(shared), _hash(shared))
        for folder, index in boards
        for shared in [folder / BOARD_FILE]
    ]
    _take(readers, bounds=True)
    for one in readers:
        one.values = Values(summaries, admit(one.entries)[0])
    _take(readers, bounds=False, meanwhile=lambda: [one.look_up(catalog) for one in readers])
    return [one.found(catalog) for one in readers]


def _take(readers: Sequence[_Reader], *, bounds: bool, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Those records that others are measured against, or the others; by all cores, of all boards together."""
    unknown = [(one, name) for one in readers for name in one.unknown(bounds=bounds)]
    read = mapped(lambda pair: pair[0].read(pair[1]), unknown, least=_WORTH_A_PROCESS, meanwhile=meanwhile)
    for (one, _), found in zip(unknown, read, strict=True):
        one.put(*found)


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
    """A board's records to entries, from the index where it knows them."""

    folder: Path
    leaderboards: Path
    values: Values
    keys: tuple[str, ...]
    index: Index
    shared_stamp: Stamp  # of what records have in common, which is a part of each
    shared: str
    known: dict[str, Known] = field(default_factory=dict)  # what files are found to be
    tasks: dict[str, frozenset[str] | None] = field(default_factory=dict)  # of the boards of files
    stamps: dict[str, Stamp] = field(init=False)

    def __post_init__(self) -> None:
        """Look which files there are."""
        files = sorted(_files(self.folder), key=lambda file: (not _may_bind(file[0]), file[0]))  # bounds first
        self.stamps = {name: stamp + self.shared_stamp for name, stamp in files}

    @property
    def entries(self) -> list[Entry]:
        """Of the records that are known so far."""
        return [one.entry for name in self.stamps if (one := self.known.get(name)) and one.entry]

    def unknown(self, *, bounds: bool) -> list[str]:
        """Files that the index does not know."""
        files = {name: stamp for name, stamp in self.stamps.items() if _may_bind(name) == bounds}
        self.known |= {name: one for name, stamp in files.items() if (one := self._kept(name, stamp))}
        return [name for name in files if name not in self.known]

    def put(self, made: Known, content: str) -> None:
        """What a file was found to be."""
        self.index.put(made, self.stamps[made.path], content)
        self.known[made.path] = made

    def look_up(self, catalog: Callable[[], Catalog] | None) -> None:
        """Have the tasks of the first file's board at hand, which is that of all others as a rule."""
        if (first := next(iter(self.stamps), None)) is not None:
            with contextlib.suppress(RecordError):
                self._tasks(first, catalog)

    def _tasks(self, name: str, catalog: Callable[[], Catalog] | None) -> frozenset[str] | None:
        """See `known_tasks`."""
        if name not in self.tasks:
            self.tasks[name] = known_tasks(read_record(self.folder / name).board, catalog()) if catalog else None
        return self.tasks[name]

    def found(self, catalog: Callable[[], Catalog] | None) -> Found:
        """All files together, when all are known."""
        self.index.keep_only({*self.stamps})
        problems = {one.path: one.problem for one in self.known.values() if one.problem}
        tasks = self._tasks(self.entries[0].path, catalog) if self.entries else None
        kept, refused = admit(self.entries, tasks=tasks)
        problems |= {one.path: f"{self.folder / one.path}: {one.reason}" for one in refused if one.reason}
        board = read_record(self.folder / kept[0].path).board if kept else None
        signed = [_signed(one, self.folder, problems) for one in kept]
        return Found(signed, [problems[name] for name in sorted(problems)], board)

    def _kept(self, name: str, stamp: Stamp) -> Known | None:
        known = self.index.get(name, stamp, partial(self._content, name))
        return known if known and known.bounds == _told(self._bounds(known.entry)) else None

    def _content(self, name: str) -> str:
        return f"{_hash(self.folder / name)} {self.shared}"

    def _bounds(self, entry: Entry | None) -> Bounds:
        return self.values.bounds.get((entry.seed, entry.order), {}) if entry else {}

    def read(self, name: str) -> tuple[Known, str]:
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
