"""Every shipped method on tiny models of many architectures: `python tests/method_table.py` writes docs/models.md.

It takes some ten minutes of one core; with names (`… epi l2p`) those rows alone are made anew, and new ones.
What stands outside the marks is written by hand, and stays.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
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


def tried(known: Mapping[str, list[Attempt]]) -> Iterator[tuple[str, list[Attempt]]]:
    """Each method with how it fared on each architecture of the table; those that are known are not tried again."""
    for name in methods():
        yield name, known.get(name) or list(attempts(make_subject(name), FAMILIES[:TABLE]))
        sys.stderr.write(f"{name}\n")


def told(part: str) -> dict[str, list[Attempt]]:
    """What a table says, by method: `table` read backwards."""
    notes = dict(re.findall(r"^(\d+)\. (.+)$", part, flags=re.MULTILINE))
    found = {}
    for row in [line for line in part.splitlines() if line.startswith("| `")]:
        name, *cells = (cell.strip(" `") for cell in row.strip("|").split("|"))
        pairs = [re.fullmatch(r"(\w+)(?: \((\d+)\))?", cell) for cell in cells]
        found[name] = [
            Attempt(one.name, pair[1], notes.get(pair[2], ""))
            for one, pair in zip(FAMILIES[:TABLE], pairs, strict=True)
            if pair
        ]
    return found


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


def main(*names: str) -> None:
    """Write the page again."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    part, _, after = rest.partition(END)
    known = {name: row for name, row in told(part).items() if names and name not in names}
    PAGE.write_text(before + BEGIN + "\n" + table(list(tried(known))) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
