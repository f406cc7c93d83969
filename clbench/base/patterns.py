"""Regular expressions that somebody else wrote, with a limit of time: some need centuries for a line."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from clbench.base.errors import ClbenchError

SECONDS = 1.0  # for one text; honest patterns need microseconds


class SlowPatternError(ClbenchError, ValueError):
    """A pattern that was not done with a text in time."""


def check(pattern: str) -> None:
    """Whether a text is a pattern.

    Raises:
        ValueError: what is wrong with it.
    """
    import regex

    try:
        _compiled(pattern)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"is no regular expression: {error}") from error


def groups(pattern: str) -> frozenset[str]:
    """The names of a pattern's groups."""
    return frozenset(_compiled(pattern).groupindex)


def fullmatch(pattern: str, text: str) -> Any:
    """The match of a whole text, or None.

    Raises:
        SlowPatternError: it takes too long.
    """
    return _in_time(pattern, lambda compiled: compiled.fullmatch(text, timeout=SECONDS))


def split(pattern: str, text: str) -> list[str]:
    """`re.split`, in time."""
    return _in_time(pattern, lambda compiled: compiled.split(text, timeout=SECONDS))


def replace(pattern: str, new: str, text: str) -> str:
    """`re.sub`, in time."""
    return _in_time(pattern, lambda compiled: compiled.sub(new, text, timeout=SECONDS))


def _in_time(pattern: str, apply: Callable[[Any], Any]) -> Any:
    check(pattern)
    try:
        return apply(_compiled(pattern))
    except TimeoutError as error:
        raise SlowPatternError(
            f"the regular expression {pattern[:60]!r} needs more than {SECONDS:g} s for one text; "
            "do not repeat what is itself repeated, as (a+)+ does"
        ) from error


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import regex

    return regex.compile(pattern, regex.VERSION0)
