"""Types of what a record may hold, and the reading of strict JSON.

Nothing is coerced: a number is a number, neither a text nor a boolean, finite, and of a size that sums and squares
survive. A name is of a pattern. A key stands once. So whatever has become a record can be shown, averaged and compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from clbench.base.text import terminal

LARGEST = 10**18  # seconds, bytes, tokens, nats: whatever is larger was not measured
LARGEST_SEED = 2**63
DEEPEST = 20  # levels of what methods write down
MAX_BYTES = 64 << 20  # of a record's file


@lru_cache(maxsize=4096)  # records of one board say much the same
def _one_line(text: str) -> bool:
    return bool(text) and text == terminal(text)


def _is_line(text: str) -> str:
    if not _one_line(text):
        raise ValueError("must be one line without control characters")
    return text


Line = Annotated[str, Field(max_length=500), AfterValidator(_is_line)]
"""A text for people on one line."""

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal digits."""

RunId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+_-]*$", max_length=250)]
"""A run's id, which is a folder's name: nothing that a path could mean."""

MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*(\+[a-z0-9][a-z0-9-]*)*$", max_length=120)]
"""A method, or several with `+` between."""

TaskName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?$", max_length=80)]
"""A task as its file calls it."""

PredictionsFile = Annotated[
    str, StringConstraints(pattern=r"^predictions/[0-9]{2,}/[a-z0-9][a-z0-9._-]*\.jsonl$", max_length=200)
]
"""The place of a cell's predictions in the folder of its run."""

Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Amount = Annotated[float, Field(strict=True, ge=0, le=LARGEST, allow_inf_nan=False)]
Difference = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Score = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEED)]


def _is_json(value: Any) -> Any:
    if storable(value) != value:
        raise ValueError("must be JSON with finite numbers, at most 20 levels deep")
    return value


def storable(value: Any, *, depth: int = DEEPEST) -> Any:
    """What a method wrote down, as JSON that can be read again, so that no note costs a finished run its record.

    A number that is not finite is null, one of very many digits is text, and what is no JSON at all is its repr.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and abs(value) > LARGEST_SEED:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, int | float):
        return value if value is not None and math.isfinite(value) else None
    if depth and isinstance(value, Mapping):
        return {storable(str(key)): storable(one, depth=depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple):
        return [storable(one, depth=depth - 1) for one in value]
    return storable(repr(value)[:200])


Json = Annotated[dict[str, Any], AfterValidator(_is_json)]
"""A JSON object whose form is somebody else's: a protocol, a method's options."""

Notes = Annotated[dict[str, Any], BeforeValidator(storable)]
"""What was written down by whoever had something to say."""


def read_json(text: str) -> Any:
    """A JSON document in which every key of an object stands once, and no number is `NaN` or of very many digits.

    A fraction too large for a float is infinite, which the types refuse.

    Raises:
        ValueError: it is none, or a number or a key is not allowed; RecursionError: it is nested too deeply.
    """
    content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_int=_bounded)
    if "\\ud" in text.lower():
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair cannot be written again
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _bounded(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) > LARGEST_SEED:
        raise ValueError(f"a number of {len(text)} digits is too large")
    return number
