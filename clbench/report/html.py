"""HTML and SVG as values. Whatever is not `Html` is text and is escaped, so nothing from outside becomes markup.

Elements are written so that a page is well-formed XML too, which the tests make use of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from clbench.base.text import html

_VOID = frozenset({"br", "meta"})


class Html(str):
    """Finished markup."""

    __slots__ = ()


Content = Union["Html", str, float, None, Iterable["Content"]]
Attribute = str | float | None


def text(value: object) -> Html:
    """A value as text, also fit for an attribute in quotes; what no document may hold becomes `�`."""
    return Html(html(value))


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Html:
    """An element.

    Args:
        name: of the element, ours.
        content: markup, text to escape, numbers, None for nothing, or lists of those.
        attributes: `class_` is class, `stroke_width` is stroke-width; None leaves one out.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{shown}/>")
    return Html(f"<{name}{shown}>{join(content)}</{name}>")


def join(content: Content) -> Html:
    """Pieces of content as one."""
    if content is None:
        return Html("")
    if isinstance(content, Html):
        return content
    if isinstance(content, str | int | float):
        return text(_plain(content))
    return Html("".join(map(join, content)))


def _plain(value: str | float) -> str:
    """Coordinates need no more than two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def table(headings: Iterable[Content] | None, rows: Iterable[Iterable[Content]], *, class_: str | None = None) -> Html:
    """A table whose first column names its rows."""
    head = tag("thead", tag("tr", [tag("th", one, scope="col") for one in headings])) if headings else None
    body = [
        tag("tr", [tag("td", one) if place else tag("th", one, scope="row") for place, one in enumerate(row)])
        for row in rows
    ]
    return scrolling(tag("table", head, tag("tbody", body), class_=class_))


def scrolling(content: Html) -> Html:
    """What may be wider than the page."""
    return tag("div", content, class_="wide")
