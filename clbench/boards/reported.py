"""Results that others report, one JSON file each, as a table of their own, with what can be said of them.

The form is that of PEFT's method comparison (huggingface/peft, `method_comparison/MetaMathQA/results`): accuracy on a
test set, the rise of the loss on held-out text that it calls `forgetting`, memory, time. A list of such figures does as
well. All were measured once, so that the only error known of an accuracy is the binomial one of its records.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from clbench.base.errors import DataError, short
from clbench.boards.pareto import dominates
from clbench.data.records import read_objects
from clbench.metrics.paired import holm

RECORDS = 1319  # of GSM8K's test set, which PEFT asks
LEVEL = 0.05
_WHOLE = 1e-6  # of a record, by which an accuracy may miss a whole number of them
_FLAT = {
    "accuracy": "test_accuracy", "text_loss_rise": "forgetting", "memory_bytes": "memory_max_bytes",
    "train_seconds": "train_seconds", "trainable": "trainable",
}  # fmt: skip


_READ = f"""\
Not run here, on no board, and never ranked with rows of one. Each row is one seed; ± is one standard error, from the
test records alone. Rows of a group cannot be told from its first (two proportions, Holm, {LEVEL:.0%}). ● : no other row
is as good in accuracy, loss rise and memory, and better in one."""
_HEADS = (
    "group", "configuration", "accuracy ↑", "loss rise on held-out text (nats) ↓", "memory (GB) ↓", "training (s)",
    "trainable", "front",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reported:
    """One result.

    Args:
        name: of the configuration.
        accuracy: share of right answers.
        text_loss_rise: of the mean loss on held-out text, nats a token.
        memory_bytes: at most, on the accelerator.
        train_seconds: of training.
        trainable: parameters.
        records: that were asked.
    """

    name: str
    accuracy: float
    text_loss_rise: float
    memory_bytes: float
    train_seconds: float
    trainable: float
    records: int

    @property
    def error(self) -> float:
        """Standard error of the accuracy, from its records alone."""
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.records)


@dataclass(frozen=True, slots=True)
class Placed:
    """A result among the others.

    Args:
        row: the result.
        group: of results that cannot be told from the group's first, from 1.
        on_front: whether no other is as good in accuracy, loss and memory, and better in one.
    """

    row: Reported
    group: int
    on_front: bool


def read_reported(paths: Iterable[Path], *, records: int = RECORDS) -> list[Reported]:
    """The results of some files, or of all `.json` files of a folder.

    Raises:
        DataError: one is no result, failed, or has an accuracy that no number of right answers gives.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    found = {}
    for file in files:
        for where, value in read_objects(file):
            row = _row(value, where=where, name=file.stem, records=records)
            found.setdefault(row.name, row)  # a folder of results may hold a list of them, too
    if not found:
        raise DataError(
            f"{', '.join(map(str, paths)) or 'no path'}: there are no results; give JSON files, or their folder"
        )
    return list(found.values())


def placed(rows: Sequence[Reported]) -> list[Placed]:
    """By accuracy, in groups that cannot be told apart, with the front of accuracy, loss and memory."""
    ordered = sorted(rows, key=lambda row: (-row.accuracy, row.name))
    points = [(row.accuracy, -row.text_loss_rise, -row.memory_bytes) for row in ordered]
    front = [not any(dominates(other, point) for other in points) for point in points]
    groups: list[int] = []
    begin = 0
    while begin < len(ordered):
        size = _group(ordered[begin], ordered[begin + 1 :])
        groups += [1 + (groups[-1] if groups else 0)] * size
        begin += size
    return [Placed(row, group, best) for row, group, best in zip(ordered, groups, front, strict=True)]


def differ(one: Reported, other: Reported) -> float:
    """Two-sided p of two accuracies being one: the test of two proportions, as if other records had been asked.

    The same records were, so that with the answers at hand a paired test would tell more.
    """
    right = one.accuracy * one.records + other.accuracy * other.records
    both = right / (one.records + other.records)
    spread = math.sqrt(both * (1 - both) * (1 / one.records + 1 / other.records))
    return 1.0 if spread == 0 else 2 * NormalDist().cdf(-abs(one.accuracy - other.accuracy) / spread)


def markdown(rows: Sequence[Placed], *, source: str) -> str:
    """The table, with what it does not tell."""
    heads = (f"| {' | '.join(_HEADS)} |", "| --- " * len(_HEADS) + "|")
    return "\n".join([f"# Reported by others: {source}", "", _READ, "", *heads, *map(_line, rows)]) + "\n"


def _line(one: Placed) -> str:
    row = one.row
    accuracy = f"{row.accuracy:.3f} ± {row.error:.3f}"
    costs = (f"{row.memory_bytes / 1e9:.1f}", f"{row.train_seconds:,.0f}", f"{row.trainable:,.0f}")
    cells = (str(one.group), row.name.replace("|", "\\|"), accuracy, f"{row.text_loss_rise:.3f}", *costs)
    return f"| {' | '.join(cells)} | {'●' if one.on_front else ''} |"


def _group(first: Reported, rest: Sequence[Reported]) -> int:
    """How many of the rows from the first on cannot be told from it, up to the first that can."""
    adjusted = holm({str(number): differ(first, row) for number, row in enumerate(rest)})
    told = [number for number in range(len(rest)) if adjusted[str(number)] < LEVEL]
    return 1 + (told[0] if told else len(rest))


def _row(value: object, *, where: str, name: str, records: int) -> Reported:
    if not isinstance(value, dict):
        raise DataError(f"{where}: is no result, got {short(value)}")
    figures = _nested(value, name=name, where=where) if "train_info" in value else {**value}
    try:
        row = Reported(
            str(figures["name"]), records=records, **{own: float(figures[key]) for own, key in _FLAT.items()}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where}: is no result of PEFT's comparison ({error!r} is missing or no number)") from error
    right = row.accuracy * records
    if not 0 <= row.accuracy <= 1 or abs(right - round(right)) > _WHOLE * records:
        raise DataError(f"{where}: accuracy {row.accuracy} is no share of {records:,} records; --records says how many")
    return row


def _nested(value: dict[str, Any], *, name: str, where: str) -> dict[str, Any]:
    """The figures of a result file as they stand in a list."""
    info = value["train_info"]
    if info.get("status") != "success":
        raise DataError(f"{where}: the run ended with {info.get('status')!r}, so that it has no result; leave it out")
    last = info["metrics"][-1] if info.get("metrics") else {}
    return {
        "name": name,
        "test_accuracy": last.get("test accuracy"),
        "forgetting": last.get("forgetting"),
        "memory_max_bytes": info.get("accelerator_memory_max"),
        "train_seconds": info.get("train_time"),
        "trainable": info.get("num_trainable_params"),
    }
