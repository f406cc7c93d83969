"""What records of one board have in common, and so stands once in a file beside them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BOARD_FILE, MARK = "board.json", "in_board.json"
PARTS = (
    "board",
    "tasks",
    "ceilings",
    "overlap",
    "provenance.python",
    "provenance.platform",
    "provenance.packages",
    "provenance.arithmetic",
)
"""Parts of a record that most of a board share; with a dot, a part of a part."""


def common(content: Mapping[str, Any]) -> dict[str, Any]:
    """Those parts of a record, by name."""
    found = {name: _at(content, name) for name in PARTS}
    return {name: value for name, value in found.items() if value is not None}


def shared(content: Mapping[str, Any], beside: Mapping[str, Any]) -> list[str]:
    """Names of those parts that stand beside the record as they are in it."""
    return [name for name, value in common(content).items() if name in beside and same(value, beside[name])]


def apart(content: Mapping[str, Any], names: Sequence[str], *, every: bool = False) -> dict[str, Any]:
    """A record's content without some of those parts, whose names it has instead.

    Args:
        content: of the record.
        names: of what is taken out.
        every: whether what stands beside the record is in it but for what it has itself, which is said shorter.
    """
    own = {name: value for name, value in content.items() if name not in names}
    for name in names:
        whole, _, part = name.partition(".")
        if part:
            own[whole] = {key: value for key, value in own[whole].items() if key != part}
    return {**own, **({MARK: True if every else [*names]} if names else {})}


def joined(content: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """The content again, with the parts that it names, or all that it has not itself.

    Raises:
        KeyError, TypeError: beside it is not what it names.
    """
    done = dict(content)
    named = done.pop(MARK)
    for name in _missing(done, beside) if named is True else named:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no name")
        whole, _, part = name.partition(".")
        if name in PARTS:
            done[whole] = {**done[whole], part: beside[name]} if part else beside[name]
    return done


def same(one: Any, other: Any) -> bool:
    """Also in type: 1 is not 1.0; in whichever order keys stand."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _missing(content: Mapping[str, Any], beside: Mapping[str, Any]) -> list[str]:
    """What stands beside a record that does not say it itself; every record is of a board."""
    return ["board", *(name for name in beside if name != "board" and _at(content, name) is None)]


def _at(content: Mapping[str, Any], name: str) -> Any:
    whole, _, part = name.partition(".")
    found = content.get(whole)
    return found.get(part) if part and isinstance(found, Mapping) else None if part else found
