"""What Google-style docstrings say of arguments, for people who ask the command line."""

from __future__ import annotations

import inspect
import re

_ENTRY = re.compile(r"^ {4}(\w+): (.*)$")


def arguments(doc: str | None) -> dict[str, str]:
    """Name to text, on one line, of a docstring's `Args:`."""
    found: dict[str, str] = {}
    _, _, below = inspect.cleandoc(doc or "").partition("Args:\n")
    name = ""
    for line in below.splitlines():
        if entry := _ENTRY.match(line):
            name = entry[1]
            found[name] = entry[2]
        elif name and line.startswith("     "):
            found[name] += f" {line.strip()}"
        elif line and not line.startswith(" "):  # the next section
            break
    return found
