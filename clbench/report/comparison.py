"""Several runs side by side: one row a run, boards kept apart, and their average scores in one chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clbench.boards.style import default_style
from clbench.boards.values import Row, Values, cell
from clbench.metrics.summaries import SummarySpec
from clbench.report.bars import task_bars
from clbench.report.chart import swatch
from clbench.report.curves import looks_of, overlay
from clbench.report.details import folded
from clbench.report.explained import explained
from clbench.report.heatmap import mean_matrix, result_matrix
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.subject import Subject
from clbench.runs.record import Record

FIRST = (
    "op",
    "vs.op",
    "bwt.gem",
    "learning_accuracy",
    "retention.facts",
    "vs.retention.facts",
    "delta.general-ability",
)
"""Columns that fit on paper beside each other."""


def comparison(subjects: Sequence[Subject], *, summaries: Sequence[SummarySpec]) -> Html:
    """The chart, and a table for each board."""
    boards: dict[str, list[int]] = {}
    for number, one in enumerate(subjects):
        boards.setdefault(one.board.name, []).append(number)
    told = f"These runs are of {len(boards)} boards; numbers of different boards cannot be compared."
    parts = [
        tag("h2", "Comparison"),
        tag("p", told, class_="alarm") if len(boards) > 1 else None,
        overlay(subjects),
        _methods(subjects),
        [
            [
                tag("h3", f"Board {name}"),
                _table({number: subjects[number] for number in numbers}, summaries),
                explained([subjects[number] for number in numbers], summaries=summaries),
            ]
            for name, numbers in boards.items()
        ],
    ]
    return tag("section", parts, id="comparison")


def _methods(subjects: Sequence[Subject]) -> list[Html]:
    """Each method's mean R and bars, over its runs on one order."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Subject]] = {}
    for one in subjects:
        groups.setdefault((one.board.name, one.method.label, one.matrix.tasks), []).append(one)
    return [_method(runs) for runs in groups.values()]


def _method(runs: Sequence[Subject]) -> Html:
    first = runs[0]
    told = f"{first.method.label}, {first.order}, {'one run' if len(runs) == 1 else f'mean of {len(runs)} runs'}"
    shown = result_matrix(mean_matrix([one.matrix for one in runs]))
    return tag("div", tag("h4", told), shown, task_bars(runs), class_="method")


def _table(members: Mapping[int, Subject], summaries: Sequence[SummarySpec]) -> Html:
    """One row a run, in the columns of boards; those that no run has a number for are left out."""
    style = default_style()
    records = [one.record for one in members.values() if one.record is not None]
    values = Values(summaries, records)
    baseline = _row([one for one in records if one.method.label == style.baseline])
    cells = {
        number: {column.heading: _cell(values, one.record, column.key, baseline) for column in style.columns}
        for number, one in members.items()
    }
    known = [one for one in style.columns if any(row[one.heading] != "–" for row in cells.values())]
    first = [one.heading for one in known if one.key in FIRST]
    rest = [one.heading for one in known if one.key not in FIRST]
    looks = looks_of(list(members.values()))
    rows = [
        [
            link(n, one),
            swatch(*looks[one.method.label]),
            str(one.seed),
            one.order,
            one.status,
            *(cells[n][h] for h in first),
        ]
        for n, one in members.items()
    ]
    more = [[one.method.label, str(one.seed), one.order, *(cells[n][h] for h in rest)] for n, one in members.items()]
    return join(
        [
            table(["Method", "", "Seed", "Order", "Status", *first], rows, class_="comparison"),
            folded("more columns", table(["Method", "Seed", "Order", *rest], more, class_="more")) if rest else None,
        ]
    )


def _row(records: Sequence[Record]) -> Row | None:
    return Row(records[0].method.label, records[0].method.packages, tuple(records)) if records else None


def _cell(values: Values, record: Record | None, key: str, baseline: Row | None) -> str:
    if record is None or (baseline is not None and key.startswith("vs.") and record in baseline.records):
        return "–"
    row = Row(record.method.label, record.method.packages, (record,))
    return cell(key, values.estimate(row, key, baseline=baseline))


def link(number: int, subject: Subject) -> Html:
    """To a run's own part."""
    return tag("a", subject.method.label, href=f"#run-{number}", title=subject.run)


def contents(subjects: Sequence[Subject]) -> Html:
    """Of a report on several runs."""
    entries: Iterable[Content] = (
        tag("li", link(number, one), f" seed {one.seed}, {one.order}") for number, one in enumerate(subjects)
    )
    return tag("nav", tag("ol", tag("li", tag("a", "Comparison", href="#comparison")), join(entries)))
