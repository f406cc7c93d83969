"""The whole page: one file without scripts, which asks the network for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from clbench.metrics.summaries import SummarySpec
from clbench.report.comparison import comparison, contents
from clbench.report.headline import headline
from clbench.report.html import Html, table, tag
from clbench.report.sections import is_alarm, run_section, stream
from clbench.report.subject import Subject

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # nothing from elsewhere, whatever a page might contain


def render(subjects: Sequence[Subject], *, summaries: Sequence[SummarySpec]) -> str:
    """A report as HTML; the same runs give the same bytes.

    Args:
        subjects: one or several runs.
        summaries: named functions of R to show.
    """
    assert subjects
    several = len(subjects) > 1
    body = [
        tag("h1", "clbench report"),
        header(subjects),
        headline(subjects, summaries=summaries),
        [contents(subjects), comparison(subjects, summaries=summaries)] if several else None,
        [run_section(one, number=number, summaries=summaries, closed=several) for number, one in enumerate(subjects)],
    ]
    named = _joined(one.method.label for one in subjects)
    return f"<!DOCTYPE html>\n{tag('html', head(named), tag('body', tag('main', body)), lang='en')}\n"


def head(named: str) -> Html:
    """A page's head.

    Args:
        named: what the page is of.
    """
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"clbench: {named}"),
        tag("style", Html(style)),
    )


def header(subjects: Sequence[Subject]) -> Html:
    """What all runs are of, and what is wrong with any."""
    rows = {
        "Stream": _joined(stream(one.board) for one in subjects),
        "Protocol": _joined(one.board.protocol["name"] for one in subjects),
        "Base model": _joined(one.board.model["name"] for one in subjects),
        "Board": _joined(one.board.name for one in subjects),
        "Methods": _joined(one.method.label for one in subjects),
        "Seeds": _joined(str(one.seed) for one in subjects),
        "Orders": _joined(one.order for one in subjects),
    }
    return tag("header", _alarms(subjects), table(None, rows.items(), class_="facts"), _warned(subjects))


def _joined(values: Iterable[str]) -> str:
    """Different values in their order."""
    return "; ".join(dict.fromkeys(values))


def _messages(subjects: Sequence[Subject]) -> list[str]:
    return list(dict.fromkeys(message for one in subjects if one.record for message in one.record.warnings))


def _alarms(subjects: Sequence[Subject]) -> list[Html]:
    """What nobody may overlook."""
    unfinished = sum(one.record is None for one in subjects)
    found = [message for message in _messages(subjects) if is_alarm(message)]
    found += [f"{unfinished} of {len(subjects)} run(s) not finished"] if unfinished else []
    return [tag("p", message, class_="alarm") for message in found]


def _warned(subjects: Sequence[Subject]) -> Html | None:
    messages = _messages(subjects)
    if not messages:
        return None
    summary = tag("summary", f"{len(messages)} kind(s) of warnings")
    return tag("details", summary, tag("ul", [tag("li", message) for message in messages]))
