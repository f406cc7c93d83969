"""Answers that were lost, to page through without a script: the same prompt right after learning, and at the end."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.boards.lost import Lost
from clbench.report.heatmap import short
from clbench.report.html import Html, join, tag
from clbench.report.subject import Subject

MOST, LONG = 12, 1200  # pages a task, and characters that are shown of a prompt's end


def lost_pages(subject: Subject, *, number: int) -> Html | None:
    """A strip of pages for each task that lost answers.

    Args:
        subject: with its lost answers.
        number: of the run on the page, for the addresses of pages.
    """
    if not subject.lost:
        return None
    told = (
        "The same prompt right after its task was learned, when the answer was right (0.5 or more), and at the end, "
        "where it is wrong. The strips scroll sideways."
    )
    parts = [
        _task(name, found, at=f"lost-{number}-{place}") for place, (name, found) in enumerate(subject.lost.items())
    ]
    return join([tag("h3", "Lost answers"), tag("p", told), parts])


def _task(name: str, found: Sequence[Lost] | str, *, at: str) -> Html:
    if isinstance(found, str):
        return tag("p", f"{short(name)}: {found}")
    shown = found[:MOST]
    if not shown:
        return tag("p", f"{short(name)}: none")
    counted = f"{len(found)}" if len(found) == len(shown) else f"the first {len(shown)} of {len(found)}"
    pages = [_page(one, place, len(shown), at) for place, one in enumerate(shown)]
    summary = tag("summary", f"{short(name)}: {counted} lost")
    return tag("details", summary, tag("div", pages, class_="pages"), class_="lost")


def _page(one: Lost, place: int, of: int, at: str) -> Html:
    turns = [
        tag("a", "‹ previous", href=f"#{at}-{place - 1}") if place else None,
        f" {place + 1} of {of} ",
        tag("a", "next ›", href=f"#{at}-{place + 1}") if place + 1 < of else None,
    ]
    prompt = one.prompt if len(one.prompt) <= LONG else f"… {one.prompt[-LONG:]}"
    texts = {
        "prompt": prompt,
        "expected": one.answer,
        f"after learning ({one.score_then:.2f})": one.then,
        f"at the end ({one.score_now:.2f})": one.now or "(nothing)",
    }
    rows = [tag("div", tag("h5", name), tag("pre", text)) for name, text in texts.items()]
    return tag("div", tag("p", turns), rows, class_="page", id=f"{at}-{place}")
