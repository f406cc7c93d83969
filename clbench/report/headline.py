"""What a reader wants first: OP, BWT, learning accuracy and retention with intervals; and what differs by how much."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.base.errors import UnknownNameError
from clbench.boards.compare import Comparison, against, compare
from clbench.boards.render import baseline_of
from clbench.boards.style import default_style
from clbench.boards.values import Row, Values, rows_of
from clbench.metrics.intervals import Interval, student
from clbench.metrics.summaries import SummarySpec
from clbench.metrics.uncertainty import mean_error
from clbench.report.chart import swatch
from clbench.report.curves import looks_of
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.subject import Subject
from clbench.runs.record import Record

NUMBERS = {
    "op": "OP",
    "bwt.gem": "BWT (gem)",
    "learning_accuracy": "learning accuracy",
    "retention.facts": "facts retained",
    "delta.general-ability": "change of general ability",
}
NORMAL = 1.959964  # standard errors to either side of a 95 % interval


def headline(subjects: Sequence[Subject], *, summaries: Sequence[SummarySpec]) -> Html | None:
    """Tiles of one run, a table of several; nothing before a run is finished."""
    records = [one.record for one in subjects if one.record]
    if not records:
        return None
    if len(subjects) == 1:
        return _tiles(subjects[0], records[0], summaries)
    boards = list(dict.fromkeys(one.board.name for one in records))
    parts = [
        [_methods(subjects, [one for one in records if one.board.name == board], summaries) for board in boards],
        [_differences([one for one in records if one.board.name == board], summaries) for board in boards],
    ]
    return tag("section", tag("h2", "Headline"), parts, class_="headline")


# --- one run


def _tiles(subject: Subject, record: Record, summaries: Sequence[SummarySpec]) -> Html:
    values = Values(summaries, [record])
    tiles = []
    for key, name in NUMBERS.items():
        value = values.of(record, key)
        if value is not None:
            half = subject.bwt_error if key == "bwt.gem" else _half(record, key)
            told = f"± {NORMAL * half:.3f}" if half is not None else ""
            tiles.append(tag("div", tag("b", f"{value:.3f}"), tag("span", told), tag("p", name), class_="tile"))
    said = "± is half a 95 % interval over the test records; another seed changes more than that."
    return tag("section", tag("div", tiles, class_="tiles"), tag("p", said), class_="headline")


def _half(record: Record, key: str) -> float | None:
    """A standard error over the records of the test sets, where the record has what it is made of."""
    if key == "delta.general-ability":
        found = record.probe_changes.get("general-ability")
        return found.error if found else None
    rows = record.errors.get(record.board.protocol["scorer"])
    if not rows or key not in ("op", "learning_accuracy"):
        return None
    return mean_error(rows[-1] if key == "op" else [rows[i + 1][i] for i in range(len(record.tasks))])


# --- several


def _methods(subjects: Sequence[Subject], records: Sequence[Record], summaries: Sequence[SummarySpec]) -> Html:
    values, looks = Values(summaries, records), looks_of(subjects)
    rows = rows_of(records)
    shown = [key for key in NUMBERS if any(values.of(one, key) is not None for one in records)]
    cells = [
        [row.label, swatch(*looks[row.label]), str(len(row.records)), *(_over_runs(row, values, key) for key in shown)]
        for row in rows
    ]
    told = "Mean over n runs, and from two on its 95 % t-interval."
    return join([table(["Method", "", "n", *(NUMBERS[key] for key in shown)], cells, class_="means"), tag("p", told)])


def _over_runs(row: Row, values: Values, key: str) -> Content:
    known = [value for one in row.records if (value := values.of(one, key)) is not None]
    if not known:
        return "–"
    return [tag("b", f"{sum(known) / len(known):.3f}"), " ", _interval(student(known))]


def _interval(one: Interval | None) -> Html | None:
    return one and tag("span", f"[{one.low:.3f}, {one.high:.3f}]", class_="interval")


def _differences(records: Sequence[Record], summaries: Sequence[SummarySpec]) -> Html | None:
    """Of every method from plain fine-tuning, else from the first, on the seeds and orders that both ran."""
    rows = rows_of(records)
    baseline = baseline_of(rows, default_style().baseline) or rows[0]
    try:
        pairs = against(records, baseline.label)
        found = compare(records, pairs=pairs, summaries=summaries, metrics=list(NUMBERS))
    except UnknownNameError:  # nothing to pair
        return None
    told = (
        f"Paired differences from {baseline.label}, with 95 % t-intervals; p after Holm's correction over this table; "
        "cannot tell: p of 0.05 or more, as always where the interval holds zero."
    )
    cells = [_difference(one) for one in found]
    headings = ["Method", "Number", "Pairs", "Difference", "p", "Verdict"]
    return join([tag("h3", f"Against {baseline.label}"), tag("p", told), table(headings, cells, class_="differences")])


def _difference(one: Comparison) -> list[Content]:
    p = "–" if one.p_holm is None else f"{one.p_holm:.3f}"
    shown = [tag("b", f"{one.difference.mean:+z.3f}"), " ", _interval(one.t_interval)]
    return [one.method, NUMBERS[one.metric], str(one.difference.n), shown, p, one.verdict]
