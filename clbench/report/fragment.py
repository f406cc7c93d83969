"""Pieces of a report for somebody else's page, such as a notebook: their style reaches no further than they do."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.metrics.summaries import SummarySpec
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.sections import facts, metrics, scores
from clbench.report.subject import Subject

_STYLE = """
.clbench-report { background: #fff; color: #1b1b1b; font: 13px/1.4 system-ui, sans-serif; }
.clbench-report .wide { overflow-x: auto; }
.clbench-report table { border-collapse: collapse; }
.clbench-report td, .clbench-report th { padding: .2rem .45rem; text-align: left; color: #1b1b1b; }
.clbench-report .heat td { text-align: center; border: 1px solid #fff; font-variant-numeric: tabular-nums; }
.clbench-report .heat td.learned { outline: 2px solid currentColor; outline-offset: -3px; font-weight: 700; }
.clbench-report .heat td.ahead { font-style: italic; }
.clbench-report .heat td.none, .clbench-report .none { color: #6b6b6b; background: #f1f1f1; }
.clbench-report small { display: block; font-size: .7rem; font-weight: 400; }
.clbench-report .alarm { border-left: 4px solid #d55e00; padding-left: .6rem; }
"""


def fragment(subject: Subject, *, summaries: Sequence[SummarySpec]) -> str:
    """One run: what it is, its result matrix, and its metrics behind a click."""
    label = f"{subject.method.label}, seed {subject.seed}, {subject.order}"
    folded = tag("details", tag("summary", "metrics"), metrics(subject, summaries))
    return str(_framed([tag("p", tag("b", label)), facts(subject), scores(subject), folded]))


def table_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain texts."""
    return str(_framed(table(headings, rows)))


def _framed(content: Content) -> Html:
    return tag("div", tag("style", Html(_STYLE)), join(content), class_="clbench-report")
