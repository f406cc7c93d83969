"""JSON for people and for diffs: what is short stands on one line, as does a row, or a table of values by name."""

from __future__ import annotations

import json
from typing import Any

WIDTH, SHORT = 120, 50


def json_text(value: Any, *, level: int = 0) -> str:
    """A JSON document, keys in their order, no NaN.

    Args:
        value: what is written.
        level: how deep it stands in another one.
    """
    flat = _flat(value)
    if not _is_broken(value, flat, level=level):
        return flat
    begin, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    lines = [(_flat(key) + ":" if key is not None else "") + json_text(one, level=level + 1) for key, one in pairs]
    pad = " " * (level + 1)
    return f"{begin}\n{pad}" + f",\n{pad}".join(lines) + f"\n{' ' * level}{end}"


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _is_broken(value: Any, flat: str, *, level: int) -> bool:
    """Whether each member has a line: the document's own have, and those of what is long and holds containers.

    Of what has names only those containers count that are long themselves.
    """
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not members or not level:
        return bool(members)
    held = [one for one in members if isinstance(one, dict | list)]
    if isinstance(value, dict):
        held = [one for one in held if len(_flat(one)) > SHORT]
    return len(flat) > WIDTH and bool(held)
