"""Every shipped method on tiny models of many architectures: `python tests/method_table.py` writes docs/models.md.

It takes some ten minutes of one core. What stands outside the marks is written by hand, and stays.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from clbench.plugins.registry import registry
from clbench.testing import make_subject
from clbench.testing.architectures import TABLE, Attempt, attempts
from clbench.testing.families import FAMILIES

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
BEGIN, END = "<!-- methods: written by tests/method_table.py -->\n", "<!-- end of methods -->\n"


def methods() -> list[str]:
    """Names of all shipped methods, in the registry's order."""
    return list(registry().methods.entries)


def tried() -> Iterator[tuple[str, list[Attempt]]]:
    """Each method with how it fared on each architecture of the table."""
    for name in methods():
        yield name, list(attempts(make_subject(name), FAMILIES[:TABLE]))
        sys.stderr.write(f"{name}\n")


def table(rows: Sequence[tuple[str, Sequence[Attempt]]]) -> str:
    """A row a method, a column an architecture; reasons as numbered notes below."""
    notes: dict[str, int] = {}
    lines = ["| method | " + " | ".join(one.name for one in FAMILIES[:TABLE]) + " |", "| --- " * (TABLE + 1) + "|"]
    for name, found in rows:
        cells = [one.status if one.status == "works" else _numbered(one, notes) for one in found]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{number}. {reason}" for reason, number in notes.items()), ""])


def _numbered(one: Attempt, notes: dict[str, int]) -> str:
    return f"{one.status} ({notes.setdefault(one.reason, len(notes) + 1)})"


def main() -> None:
    """Write the page again."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(
        before + BEGIN + "\n" + table(list(tried())) + "\n" + END + rest.partition(END)[2], encoding="utf-8"
    )


if __name__ == "__main__":
    main()
