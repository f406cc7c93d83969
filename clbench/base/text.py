"""Text from outside, made harmless for where it is shown: a terminal, a markdown table, an HTML page.

Records come from other people: their fields may hold escape sequences that move a terminal's cursor, marks that turn
the direction of a line, markup, addresses and names that a web site would make links and mentions of. Whatever shows
such a text calls the one function for its place; nothing else escapes.
"""

from __future__ import annotations

import html as _html
import re

# Control characters (C0 but for tab and line feed, DEL, C1), marks that turn the direction of writing, separators of
# lines and paragraphs, halves of surrogate pairs, and what is no character at all.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
REPLACED = "�"
JOINER = "\u2060"  # shows nothing and belongs to no address or name, so that none goes on across it

# An address, a mention, the number of an issue, an emoji's name: each is broken behind its first part.
_LINKED = re.compile(r"(?i:\b(?:https?|ftp|xmpp|mailto):(?=\S)|\bwww(?=\.))|@(?=\w)|#(?=\d)|\bGH-(?=\d)|:(?=[\w+-]+:)")


def plain(text: object) -> str:
    """A text without what acts instead of being read; such characters become `�`. Tabs and line feeds stay."""
    return _ACTIVE.sub(REPLACED, str(text))


def terminal(text: object) -> str:
    """One line for a terminal, a log, or an error message."""
    return plain(" ".join(str(text).split()))


def in_json(document: str) -> str:
    """A JSON document for a terminal: the same values, with what would act escaped."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def markdown(text: object) -> str:
    """One line as part of a markdown document or table: no markup, no HTML, no link, no mention."""
    line = _LINKED.sub(lambda found: found[0] + JOINER, terminal(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_|\[\]!~$])", r"\\\1", line)
    line = re.sub(r"^([#+=-])", r"\\\1", line)  # a heading, a list, a rule
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)  # a numbered list


def html(text: object) -> str:
    """Text in an HTML page, also fit for an attribute in quotes."""
    return _html.escape(plain(text))
