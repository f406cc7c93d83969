"""Whether a record contradicts itself: what can be told of a number without its predictions.

A well-formed record that somebody wrote by hand must have the cells that its protocol measures, a file of predictions
for each of them, the repetitions that its regime implies, and a name that says what its content says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from clbench.methods.episodes import due
from clbench.methods.methodspec import Regime
from clbench.runs.record import Record, Rows, slug

_HASH = re.compile("[0-9a-f]{8}")


def contradictions(record: Record) -> list[str]:
    """What of a record does not fit the rest of it, a clause each; empty when nothing is wrong."""
    measured = {role: _measured(rows) for role, rows in record.scores.items()}
    answered = _answered(record, measured["strict"])
    return [
        *_cells(record, measured),
        *_regime(record),
        *_files(record, answered),
        *_folded(record, answered),
        *_name(record),
        *_costs(record),
    ]


def _cells(record: Record, patterns: Mapping[str, set[tuple[int, int]]]) -> Iterator[str]:
    """Both ways of scoring measure the same cells, which are those of the schedule."""
    if any(cells != patterns["strict"] for cells in patterns.values()):
        yield "strict and lenient scores have not the same cells"
    schedule = record.board.protocol.get("evaluate")
    if not isinstance(schedule, str):
        return
    expected = {(row, column) for row in _rows(record) for column in _due(record, row, schedule)}
    if any(not cells >= expected for cells in patterns.values()):
        yield f"a cell that evaluate={schedule} measures is missing"
    filled = record.method.regime in ("frozen", "single")  # where rows are filled in that were not measured
    if not filled and any(cells - expected for cells in patterns.values()):
        yield f"there is a cell that evaluate={schedule} does not measure"


def _regime(record: Record) -> Iterator[str]:
    """The name of plain fine-tuning or of a bound says how it trains.

    A frozen model's rows are its base row; separate models have their own scores, and the base's on later tasks.
    """
    if record.method.name in get_args(Regime) and record.method.name != record.method.regime:
        yield f"{record.method.name} is the name of another regime than {record.method.regime}"
    for role, (base, *rows) in record.scores.items():
        if record.method.regime == "frozen" and any(row != base for row in rows):
            yield f"{role} scores of a frozen model change"
        own = [row[index] for index, row in enumerate(rows)]
        expected = [(*own[: index + 1], *base[index + 1 :]) for index in range(len(rows))]
        if record.method.regime == "single" and [tuple(row) for row in rows] != expected:
            yield f"{role} scores of separate models depend on later tasks"


def _files(record: Record, answered: Sequence[set[int]]) -> Iterator[str]:
    """A task that leaves files of predictions leaves one for each cell that was measured, and none besides."""
    found: dict[str, set[str]] = {}
    for file in record.predictions:
        found.setdefault(file.rpartition("/")[2], set()).add(file)
    for task, rows in zip(record.tasks, answered, strict=True):
        name = f"{task.replace('/', '--')}.jsonl"
        wrong = sorted(found[name] ^ {f"predictions/{row:02d}/{name}" for row in rows}) if name in found else []
        if wrong:
            yield f"scores and files of predictions do not fit together: {wrong[0]}"


def _folded(record: Record, answered: Sequence[set[int]]) -> Iterator[str]:
    """In a compact record each row has as many files as tasks were asked in it, and at most one for each probe more."""
    if record.folded is None:
        return
    asked = Counter(row for rows in answered for row in rows)
    for row in _rows(record):
        probes = sum(cells[row] is not None for cells in record.probes.values())
        if not asked[row] <= (files := record.folded.count(row)) <= asked[row] + probes:
            yield f"scores and files of predictions do not fit together: row {row} has {files} files"
    if record.folded.rows.keys() - {f"{row:02d}" for row in _rows(record)}:
        yield "scores and files of predictions do not fit together: there are files of further rows"


def _answered(record: Record, measured: set[tuple[int, int]]) -> list[set[int]]:
    """By task the rows in which it was asked, not filled in."""
    found: list[set[int]] = [set() for _ in record.tasks]
    for row, column in measured:
        if row in {"frozen": (0,), "single": (0, column + 1)}.get(record.method.regime, (row,)):
            found[column].add(row)
    return found


def _name(record: Record) -> Iterator[str]:
    """A run's id names its method, model, order and seed, and ends in a hash of all."""
    model = record.board.model["name"].rpartition("/")[2]
    parts = [*map(slug, (record.method.name, model, record.order)), f"s{record.seed}"]
    begin, _, end = record.run.rpartition("_")
    if record.fold and not (begin.endswith(f"_{'_'.join(parts)}") and _HASH.fullmatch(end)):
        yield f"run {record.run} is not named after {', '.join(parts)}"


def _costs(record: Record) -> Iterator[str]:
    if record.method.regime == "frozen" and (record.costs.steps or record.footprint.trainable_parameters):
        yield "a frozen model was trained"


def _rows(record: Record) -> range:
    return range(len(record.tasks) + 1)


def _measured(rows: Rows) -> set[tuple[int, int]]:
    return {(row, column) for row, cells in enumerate(rows) for column, cell in enumerate(cells) if cell is not None}


def _due(record: Record, row: int, schedule: str) -> list[int]:
    """Columns that are measured in a row; without training before a row there is nothing to measure."""
    regime, size = record.method.regime, len(record.tasks)
    if (regime == "frozen" and row) or (regime == "joint" and 0 < row < size):
        return []
    return due(row, num_tasks=size, schedule=schedule, regime=regime)
