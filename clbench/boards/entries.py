"""What a board has to know of a record: little enough that tens of thousands of them fit in memory and in an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clbench.base.hashing import digest
from clbench.boards.signatures import Tier, content_hash
from clbench.runs.boardcopy.shorthand import SCORE_DIGITS
from clbench.runs.record import Record, Role

PAIRED_BOUNDS = ("single", "joint")


@dataclass(frozen=True, slots=True)
class EntryMethod:
    """Which method, as `MethodPart` has it."""

    name: str
    label: str
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One run on a board.

    Args:
        path: of its record, relative to the folder of boards.
        run: its id.
        method: which method.
        options: hash of its options.
        seed: of all randomness.
        order: name of the order.
        tasks: in the order they were learned.
        trained: whether the model was trained at all.
        result: hash of R and of its method's regime.
        probed: measured cells of probes.
        files: row and beginning of the hash of each file of predictions that differs from the row before's, with blanks
            between.
        last: last row of R in the ranking role, of a bound that others are measured against.
        numbers: by column key.
        notes: what the board says below its tables.
        content: hash of the whole record.
        tier: how far it was checked: see `signatures`.
        signed: by whom and when; empty where by nobody.
    """

    path: str
    run: str
    method: EntryMethod
    options: str
    seed: int
    order: str
    tasks: tuple[str, ...]
    trained: bool
    result: str
    probed: int
    files: str
    last: tuple[float, ...] | None
    numbers: Mapping[str, float | None]
    notes: tuple[str, ...]
    content: str
    tier: Tier = "reported"
    signed: str = ""


def entry_of(record: Record, *, path: str, numbers: Mapping[str, float | None]) -> Entry:
    """A record as a board needs it."""
    method = record.method
    return Entry(
        path=path,
        run=record.run,
        method=EntryMethod(method.name, method.label, dict(method.packages)),
        options=digest(method.options),
        seed=record.seed,
        order=record.order,
        tasks=record.tasks,
        trained=method.regime != "frozen",
        result=digest([method.regime, _rounded(record)]),
        probed=sum(cell is not None for cells in record.probes.values() for cell in cells),
        files=" ".join(record.fold.changed()) if record.fold else "",
        last=last_row(record),
        numbers=numbers,
        notes=notes_of(record),
        content=content_hash(record),
    )


def notes_of(run: Record | Entry) -> tuple[str, ...]:
    """Warnings that stand below a board: those about its base model."""
    if isinstance(run, Entry):
        return run.notes
    return tuple(text for text in run.warnings if text.startswith(run.board.model["name"]))


def _rounded(record: Record) -> dict[str, list[list[float | None]]]:
    """R in as many digits as compact records have."""
    return {
        role: [[None if cell is None else round(cell, SCORE_DIGITS) for cell in row] for row in rows]
        for role, rows in record.scores.items()
    }


def last_row(record: Record) -> tuple[float, ...] | None:
    """What a bound reached on each task; None where it is no bound, or did not measure all."""
    if record.method.label not in PAIRED_BOUNDS:
        return None
    cells = record.scores[ranking(record)][-1]
    last = tuple(value for value in cells if value is not None)
    return last if len(last) == len(cells) else None


def ranking(record: Record) -> Role:
    """The role that the board ranks by."""
    return record.board.protocol["scorer"]
