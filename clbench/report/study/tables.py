"""A study's tables of what was measured, as markdown: methods, orders, trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from clbench.base.text import markdown
from clbench.boards.markdown import table
from clbench.boards.values import Row, Values, cell
from clbench.metrics.statistics import Estimate, mean_std
from clbench.report.study.evidence import Evidence, first, own_rate, rate_of, records
from clbench.runs.record import Record

GAIN = "op − base"
CHANGE = "change of a probe"
COLUMNS = {
    "op": "OP ↑",
    GAIN: "OP − base ↑",
    "bwt.gem": "BWT (gem) ↑",
    "learning_accuracy": "learning accuracy ↑",
    "retention.facts": "facts kept ↑",
    "delta.general-ability": "ΔGA ↑",
    "drift.relative_l2": "drift",
    "drift.kl": "KL from the base",
    "cost.train_seconds": "train s",
    "footprint.extra_passes": "extra passes",
    "footprint.stored_bytes": "stored",
}
NAMES = {key: heading.rstrip(" ↑") for key, heading in COLUMNS.items()}
NONE = "–"
NAMED = ("method", "learning rate")


# --- methods ---------------------------------------------------------------------------------------------------------


def methods_table(rows: Iterable[Row], values: Values, *, order: str) -> str:
    """Every number of methods on one order, best first; a column that none has a number for is left out.

    Args:
        rows: of the board.
        values: of their runs.
        order: whose runs are shown; rows without any are left out.
    """
    shown = [part for row in rows if (part := on_order(row, order)).records]
    numbers = [(row, {key: estimate(row, values, key) for key in COLUMNS}) for row in shown]
    numbers.sort(key=lambda pair: _rank(pair[1]["op"], pair[0]))
    keys = [key for key in COLUMNS if any(found[key] for _, found in numbers)]
    lines = [[*told(row), str(len(row.records)), *(number(key, found[key]) for key in keys)] for row, found in numbers]
    return pipe([*NAMED, "n", *(COLUMNS[key] for key in keys)], lines, texts=1)


def on_order(row: Row, order: str) -> Row:
    """Only the runs on one order."""
    return Row(row.label, row.packages, tuple(run for run in row.records if run.order == order))


def estimate(row: Row, values: Values, key: str) -> Estimate | None:
    """A row's number; also how much it is above the untouched model's OP."""
    if key != GAIN:
        return values.estimate(row, key, baseline=None)
    gains = [gain for run in records(row) if (gain := _gain(run, values)) is not None]
    return mean_std(gains) if gains else None


def base_op(record: Record) -> float | None:
    """The untouched model's OP."""
    base = record.scores[record.board.protocol["scorer"]][0]
    known = [one for one in base if one is not None]
    return fmean(known) if len(known) == len(base) else None


def _gain(record: Record, values: Values) -> float | None:
    op, base = values.of(record, "op"), base_op(record)
    return None if op is None or base is None else op - base


def number(key: str, one: Estimate | None) -> str:
    """As boards have it, with a sign where it is a difference."""
    if one is None or key not in (GAIN, "delta.general-ability", CHANGE):
        return cell(key, one)
    return cell("vs.", one)


def _rank(one: Estimate | None, row: Row) -> tuple[float, str]:
    return -one.mean if one else 2.0, row.label


def told(row: Row) -> list[str]:
    """The label and the learning rate, each in a column of its own."""
    name, _, rest = row.label.partition(" (")
    options = [one for one in rest.rstrip(")").split(", ") if one and "learning_rate=" not in one]
    rate = NONE if first(row).method.regime == "frozen" else f"{rate_of(first(row)):g}"
    return [markdown(f"{name} ({', '.join(options)})" if options else name), rate]


# --- orders and trials -----------------------------------------------------------------------------------------------


def orders_table(rows: Iterable[Row], values: Values, *, orders: Sequence[str]) -> str:
    """OP and BWT on each order, of the trained methods that were run on several; empty where there is none."""
    keys, lines = ("op", "bwt.gem"), []
    for row in rows:
        parts = [on_order(row, order) for order in orders]
        if sum(bool(part.records) for part in parts) > 1 and first(row).method.regime != "frozen":
            lines.append([*told(row), *(number(key, estimate(part, values, key)) for key in keys for part in parts)])
    headings = [f"{NAMES[key]}, {markdown(order)}" for key in keys for order in orders]
    return pipe([*NAMED, *headings], sorted(lines), texts=1) if lines else ""


def trials_table(evidence: Evidence, *, pick: str) -> str:
    """What each method's trials came to, by their learning rate; the chosen one is bold.

    Args:
        evidence: of a plan that searches.
        pick: the summary that chooses.
    """
    rates = sorted({_rate(one.point, evidence) for trials in evidence.searched.values() for one in trials})
    lines = []
    for method, trials in sorted(evidence.searched.items()):
        choice = evidence.choices[method]
        cells: dict[float, list[str]] = {rate: [] for rate in rates}
        for one in trials:
            text = NONE if (value := one.values[pick]) is None else f"{value:z.3f}"
            cells[_rate(one.point, evidence)].append(f"**{text}**" if choice and one.point == choice.point else text)
        lines.append([markdown(method), *(", ".join(found) or NONE for found in cells.values())])
    return pipe(["method", *(f"{rate:g}" for rate in rates)], lines, texts=1)


def _rate(options: Mapping[str, Any], evidence: Evidence) -> float:
    return own_rate(options) or evidence.rate


def pipe(headings: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> str:
    """The first columns are texts."""
    return table(headings, rows, numeric=[place >= texts for place in range(len(headings))])
