"""Markdown: what comes from outside is text, and what a person wrote stays."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import RecordError
from clbench.base.text import JOINER
from clbench.base.text import markdown as escape
from clbench.boards.markdown import BEGIN, END, replace_block, table

NASTY = [
    "a|b",
    "<script>alert(1)</script>",
    "two\nlines",
    "`code`",
    "**bold** _it_",
    "[link](javascript:alert(1))",
    "![image](http://x)",
    "a\\|b",
    "&lt;b&gt;",
    END,
    "\r\n| a | b |\r\n",
    "\u2028line separator",
]


def cells(line):
    """The cells of a table row as a Markdown reader sees them."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def unescape(cell):
    cell = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell).replace(JOINER, "")
    return cell.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize("text", NASTY, ids=repr)
def test_text_from_outside_is_only_text(text):
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    assert "<" not in safe
    assert not re.search(r"[`*_|\[\]!]", re.sub(r"\\.", "", safe))
    assert unescape(safe) == plain(text)


def plain(text):
    """One line without control characters, nor marks that turn the direction of writing."""
    line = " ".join(text.split())
    return "".join("�" if unicodedata.category(sign) == "Cc" or sign in ACTIVE else sign for sign in line)


ACTIVE = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufff9\ufffa\ufffb\ufffe\uffff"
TEXT = st.text(st.characters(exclude_characters=f"\0{JOINER}", codec="utf-8"))  # NUL stands for a backslash pair below


@given(TEXT, TEXT)
def test_any_text_stays_in_its_cell(first, second):
    rows = table(["A", "B"], [[escape(first), escape(second)], ["x", "y"]], numeric=[False, True]).split("\n")
    assert len(rows) == 4
    for shown, text in zip(cells(rows[2].replace("\\\\", "\0\0")), (first, second), strict=True):
        assert unescape(shown.replace("\0\0", "\\\\")).split() == plain(text).split()


def test_table_aligns_numbers_right_and_changes_no_cell():
    text = table(["Method", "n"], [["mofo", "0.500"], ["1e3", "+0.10"]], numeric=[False, True])
    assert text.split("\n") == [
        "| Method   |     n |",
        "|:---------|------:|",
        "| mofo     | 0.500 |",
        "| 1e3      | +0.10 |",
    ]


def test_block_is_added_to_what_a_person_wrote():
    assert replace_block("# Title\n\nWords.\n", "new", where="x.md") == f"# Title\n\nWords.\n\n{BEGIN}\nnew\n{END}\n"
    assert replace_block("", "new", where="x.md") == f"{BEGIN}\nnew\n{END}\n"


@given(st.text(), st.text(), st.text(), st.text())
def test_text_around_the_markers_stays(before, after, old, new):
    once = replace_block(f"{before}{BEGIN}\n{old}\n{END}{after}", new, where="x.md")
    assert once.startswith(before)
    assert once.endswith(after)
    assert once == f"{before}{BEGIN}\n{new.strip()}\n{END}{after}"
    assert replace_block(once, new, where="x.md") == once


@pytest.mark.parametrize(
    "text", [BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}", f"{BEGIN}{BEGIN}{END}"], ids=range(5)
)
def test_markers_that_are_no_pair_are_refused(text):
    with pytest.raises(RecordError, match=r"x\.md: needs exactly one line"):
        replace_block(text, "new", where="x.md")
