"""Markdown tables between markers: what a machine wrote can be replaced, what a person wrote stays.

Cells and lines are made of texts that went through `clbench.base.text.markdown`.
"""

from __future__ import annotations

from collections.abc import Sequence

from clbench.base.errors import RecordError

BEGIN, END = "<!-- clbench:begin -->", "<!-- clbench:end -->"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[bool]) -> str:
    """A pipe table of ready cells; `numeric` columns are set right."""
    from tabulate import tabulate

    align = ["right" if one else "left" for one in numeric]
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=align)


def replace_block(text: str, block: str, *, where: object) -> str:
    """The document with the text between its markers replaced; markers are added at the end when there are none.

    Raises:
        RecordError: a marker without its partner, or several pairs.
    """
    wrapped = f"{BEGIN}\n{block.strip()}\n{END}"
    begins, ends = text.count(BEGIN), text.count(END)
    if begins == ends == 0:
        return f"{text.rstrip()}\n\n{wrapped}\n".lstrip()
    if begins != 1 or ends != 1 or text.index(BEGIN) > text.index(END):
        raise RecordError(f"{where}: needs exactly one line {BEGIN} before one line {END}; mend it or delete the file")
    return text[: text.index(BEGIN)] + wrapped + text[text.index(END) + len(END) :]
