"""A comparison of two models as one page: no scripts, nothing from the network."""

from __future__ import annotations

from clbench.forgetting.result import Forgotten
from clbench.forgetting.verdicts import Verdict
from clbench.forgetting.written import HEADINGS, cells, details, legend, outcome
from clbench.report.html import Html, table, tag
from clbench.report.page import head


def render(found: Forgotten) -> str:
    """The page; the same comparison gives the same bytes.

    Args:
        found: the comparison.
    """
    names = f"{found.tuned['name']} against {found.base['name']}"
    body = [
        tag("h1", f"What {found.tuned['name']} forgot of {found.base['name']}"),
        tag("p", outcome(found), class_="alarm" if found.lost else None),
        _verdicts(found.verdicts),
        tag("p", legend(found)),
        tag("ul", [tag("li", line) for line in details(found)]),
        _averages(found),
        _drift(found),
        _changed(found),
    ]
    return f"<!DOCTYPE html>\n{tag('html', head(names), tag('body', tag('main', body)), lang='en')}\n"


def _averages(found: Forgotten) -> list[Html]:
    return [
        tag(
            "section",
            tag("h2", f"{1 - one.share:g} of the base, {one.share:g} of the tuned model"),
            _verdicts(one.verdicts),
        )
        for one in found.averages
    ]


def _verdicts(verdicts: tuple[Verdict, ...]) -> Html:
    return table(HEADINGS, ([cells(one)[name] for name in HEADINGS] for one in verdicts))


def _drift(found: Forgotten) -> Html | None:
    if found.drift is None:
        return None
    rows = [[name, f"{value:.4g}"] for name, value in found.drift["blocks"].items()]
    return tag("details", tag("summary", "Drift by layer"), table(["Layer", "‖θ − θ₀‖ / ‖θ₀‖"], rows))


def _changed(found: Forgotten) -> Html | None:
    if not found.changed:
        return None
    headings = ["Record", "Score", "Asked", "Expected", "Base", "Tuned"]
    rows = [
        [
            f"{one.probe} {one.record + 1}",
            f"{one.before:.2f} to {one.after:.2f}",
            *(tag("pre", text) for text in (one.prompt[-2000:], one.answer, one.base, one.tuned)),
        ]
        for one in found.changed
    ]
    return tag("details", tag("summary", "Records that changed most"), table(headings, rows))
