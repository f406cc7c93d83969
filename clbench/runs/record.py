"""The result record: what a finished run leaves for boards, checked whenever it is read.

A run's directory keeps it in full, `leaderboards/results/<board>/<method>/<run-id>.json` in the compact form
(`clbench.runs.boardcopy.compact`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from clbench.base import atomic
from clbench.base.errors import RecordError, pydantic_line
from clbench.base.hashing import digest
from clbench.base.text import terminal
from clbench.metrics.matrix import ResultMatrix
from clbench.runs.boardcopy import common, shorthand
from clbench.runs.recordparts import Ceiling, Change, Costs, Fold, FootprintPart, OverlapPart, Part
from clbench.runs.strict import (
    MAX_BYTES,
    Amount,
    Count,
    Hash,
    Json,
    Line,
    MethodName,
    Notes,
    PredictionsFile,
    RunId,
    Score,
    Seed,
    TaskName,
    read_json,
    storable,
)
from clbench.spec.schedule import Split

Role = Literal["strict", "lenient"]
Rows = tuple[tuple[Score | None, ...], ...]


class Board(Part):
    """What runs on one board have in common; its hash is part of the board's name.

    Args:
        stream: name of the stream.
        variant: of its data.
        stream_version: of the stream file.
        protocol: all of it.
        tasks: hash of what is asked and how it is scored.
        data: hash of the records.
        model: name and hash of the base model.
        scorer_version: of clbench's scorers.
        train_examples: cap per task, None = all.
        test_examples: likewise.
        probes: name to a hash of what is asked, for those that are not the invented world's.
        changes: what `--set` changed of the variant's own settings, for people.
        split: which records were scored; with `eval` the rows are for choosing settings, and no result.
    """

    stream: TaskName
    variant: Line
    stream_version: Count
    protocol: Json
    tasks: Hash
    data: Hash
    model: dict[str, Line]
    scorer_version: Line
    train_examples: Count | None
    test_examples: Count | None
    probes: dict[Line, Hash] = {}
    changes: Json = {}
    split: Split = "test"

    @model_validator(mode="after")
    def _has_names(self) -> Board:
        for part, values in {"protocol": self.protocol, "model": self.model}.items():
            for key in ("name", "scorer" if part == "protocol" else "hash"):
                if not isinstance(values.get(key), str):
                    raise ValueError(f"{part}.{key} is missing")
        if self.protocol["name"] != terminal(self.protocol["name"]):
            raise ValueError("protocol.name: must be one line without control characters")
        return self

    @cached_property
    def hash(self) -> str:
        """Of everything but `changes`, whose values stand in the other parts."""
        unused = {"changes"}
        unused |= set() if self.probes else {"probes"}  # boards from before there were such probes
        unused |= {"split"} if self.split == "test" else set()  # or validation records
        return digest(self.model_dump(mode="json", exclude=unused))

    @property
    def name(self) -> str:
        """A readable file name that no other board has: `trace-mini_tiny_1a2b3c4d`."""
        stream = self.stream if self.variant == "files" else f"{self.stream}-{self.variant}"
        parts = [stream if self.split == "test" else f"{stream}-{self.split}", self.model["name"]]
        return "_".join([*(slug(part.rpartition("/")[2]) for part in parts), self.hash[:8]])


class MethodPart(Part):
    """Which method, with which options, from which packages."""

    name: MethodName
    regime: Literal["sequential", "joint", "single", "frozen"]
    options: dict[Line, Json]
    defaults: dict[Line, Json]
    packages: dict[Line, Line]

    @property
    def label(self) -> str:
        """The name, with the options that are not the default: `mofo (fraction=0.1)`."""
        changed = [
            f"{key}={value}" if len(self.options) == 1 else f"{member}.{key}={value}"
            for member, options in self.options.items()
            for key, value in options.items()
            if value != self.defaults.get(member, {}).get(key)
        ]
        return f"{self.name} ({', '.join(changed)})" if changed else self.name


class Record(Part):
    """One finished run.

    Args:
        schema_version: of this form.
        run: the run's id.
        board: what it may be compared with.
        method: the method.
        seed: of all randomness.
        order: name of the order, and the tasks in it.
        scores: by role (`strict`, `lenient`): rows 0 … T over the columns of `tasks`, null = not measured.
        predictions: SHA-256 of each file of predictions, by its path in the run directory.
        folded: of the same table, in a compact record; whose other numbers are rounded.
        probes: scores of what is never trained on: name to rows 0 … T; for a loss in nats a token.
        errors: standard errors of `scores`, in the same form.
        probe_errors: standard errors of `probes`; none of a loss.
        probe_changes: name to the change from row 0 to row T; and of all scores together, `general-ability`.
        ceilings: name of a task or probe to the score of a model whose tokens are all right.
        overlap: name of a task or probe to what its records share with the training data: see `clbench.data.overlap`.
        drift: how far the parameters moved from the base model's, and what the model says: see `engine.distance`.
        costs: time, tokens, memory.
        footprint: of the method.
        warnings: message to count.
        notes: what methods wrote down.
        provenance: versions, device, command.
    """

    schema_version: Annotated[int, Field(strict=True, ge=1, le=1)] = 1
    run: RunId
    board: Board
    method: MethodPart
    seed: Seed
    order: Line
    tasks: Annotated[tuple[TaskName, ...], Field(min_length=1)]
    scores: dict[Literal["strict", "lenient"], Rows]
    predictions: dict[PredictionsFile, Hash] = {}
    folded: Fold | None = None
    probes: dict[Line, tuple[Amount | None, ...]] = {}
    errors: dict[Literal["strict", "lenient"], Rows] = {}
    probe_errors: dict[Line, tuple[Amount | None, ...]] = {}
    probe_changes: dict[Line, Change] = {}
    ceilings: dict[Line, Ceiling] = {}
    overlap: dict[Line, OverlapPart] = {}
    drift: dict[Line, Amount | dict[Line, Amount | None] | None] = {}
    costs: Costs
    footprint: FootprintPart
    warnings: Annotated[dict[str, Count], BeforeValidator(storable)] = {}
    notes: Notes = {}
    provenance: Notes = {}

    @model_validator(mode="after")
    def _is_square(self) -> Record:
        size = len(self.tasks)
        if len(set(self.tasks)) < size:
            raise ValueError("tasks: a task stands twice")
        for role, rows in self.scores.items():
            if len(rows) != size + 1 or any(len(row) != size for row in rows):
                raise ValueError(f"scores.{role}: must have {size + 1} rows of {size} cells")
        for role, rows in self.errors.items():
            if len(rows) != size + 1 or any(len(row) != size for row in rows):
                raise ValueError(f"errors.{role}: must have {size + 1} rows of {size} cells")
        if any(len(row) != size + 1 for row in (*self.probes.values(), *self.probe_errors.values())):
            raise ValueError(f"probes: each must have {size + 1} rows")
        if self.predictions and self.folded:
            raise ValueError("predictions: stand there both whole and folded")
        for role in ("strict", self.board.protocol["scorer"]):
            if role not in self.scores:
                raise ValueError(f"scores.{role} is missing")
        return self

    @property
    def fold(self) -> Fold | None:
        """The hashes of all predictions in one; None of a record that states none."""
        return Fold.of(self.predictions) if self.predictions else self.folded

    @cached_property
    def digest(self) -> str:
        """Hash of what it says, however it is written."""
        return digest(self.model_dump(mode="json", exclude_defaults=True))

    def matrix(self, role: Literal["strict", "lenient"] = "strict") -> ResultMatrix:
        """R under one way of scoring."""
        base, *rows = self.scores[role]
        measured = base if any(cell is not None for cell in base) else None
        return ResultMatrix(self.tasks, tuple(rows), measured, probes=self.probes)

    def ceilings_below_one(self, role: Literal["strict", "lenient"]) -> dict[str, float]:
        """Every known ceiling under one way of scoring, by name; nothing where all of them are 1.000."""
        found = {name: one.scores[role] for name, one in self.ceilings.items()}
        return found if any(value < 0.9995 for value in found.values()) else {}

    def path(self, leaderboards: Path) -> Path:
        """Where the record belongs."""
        return record_path(leaderboards, board=self.board, method=self.method.name, run=self.run)

    def save(self, path: Path) -> None:
        """Write the record in full, atomically."""
        atomic.write_json(path, self.model_dump(mode="json"))


def slug(text: str) -> str:
    """A name as part of a file name: lower case, nothing that a path could mean."""
    return re.sub(r"[^a-z0-9.+-]+", "-", text.casefold()).strip(".-") or "unnamed"


def record_path(leaderboards: Path, *, board: Board, method: str, run: str) -> Path:
    """Where boards keep the record of a run."""
    return leaderboards / "results" / board.name / slug(method) / f"{run}.json"


def parse(content: Any) -> Record:
    """A record from its JSON, in whichever form.

    Raises:
        ValueError: it is none, or its content is not that which its digest was taken of.
    """
    stated = content.pop("digest", None) if isinstance(content, dict) else None
    try:
        found = shorthand.long(content) if isinstance(content, dict) and shorthand.MARK in content else content
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"its {shorthand.MARK} cannot be read ({error!r})") from error
    record = Record.model_validate(found)
    if stated is not None and stated != record.digest:
        raise ValueError("it was changed after it was written, as its digest tells; restore it, or remove it")
    return record


def read_record(path: Path) -> Record:
    """Read and check a record.

    Raises:
        RecordError: unreadable, or not a record; with the first things that are wrong.
    """
    content = _content(path)
    if isinstance(content, dict) and common.MARK in content:
        content = _with_common(content, path.parent.parent / common.BOARD_FILE)
    try:
        return parse(content)
    except ValidationError as error:
        raise RecordError(f"{path}: is no valid record: {pydantic_line(error)[:300]}") from error
    except ValueError as error:
        raise RecordError(f"{path}: is no valid record: {error}") from error


def _with_common(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """A record with what stands in the file beside it."""
    try:
        return common.joined(content, _content(path, read=_read_shared))
    except (KeyError, TypeError) as error:
        raise RecordError(
            f"{path}: does not hold what records beside it have in common ({error}); restore it"
        ) from error


@lru_cache(maxsize=8)
def _read_shared(text: str) -> Any:
    """A board's file, parsed once for all its records; a board that is none is named with the record that has it."""
    found = read_json(text)
    with contextlib.suppress(ValidationError, KeyError, TypeError):
        found["board"] = Board.model_validate(found["board"])
    return found


def _content(path: Path, *, read: Callable[[str], Any] = read_json) -> Any:
    try:
        if not path.is_file() and path.exists():
            raise RecordError(f"{path}: is no regular file")
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{path}: is larger than {MAX_BYTES:,} bytes, too large for a record")
        return read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: is not JSON ({error})") from error
