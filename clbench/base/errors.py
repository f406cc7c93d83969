"""What can go wrong by the user's hand, in one line each: what, where, and how to mend it.

The command line turns a `ClbenchError` into that line and its exit code; anything else is a bug of ours
and keeps its traceback.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError


class ClbenchError(Exception):
    """A wrong input, with the mend in the message."""

    exit_code = 2


class UnknownNameError(ClbenchError):
    """A name that nothing answers to: stream, task, method, scorer, board."""


class OptionError(ClbenchError):
    """A method option or a `--set` value that is unknown or out of range."""


class PluginError(ClbenchError):
    """A plugin that cannot be loaded, or two that claim one name."""


class FileError(ClbenchError):
    """A task, stream or data file that does not say what it must."""


class DataError(ClbenchError):
    """Training or test data that is missing, malformed or not what it claims to be."""


class ModelError(ClbenchError):
    """A model or tokenizer that cannot be loaded or used."""


class MatrixError(ClbenchError):
    """A result matrix that lacks what a metric needs."""


class RecordError(ClbenchError):
    """A run directory or record that is missing, unwritable or inconsistent."""


class BusyError(RecordError):
    """A folder that another process is at."""


class StoppedError(ClbenchError):
    """Stopped by a signal; what was done is saved."""

    exit_code = 130


class RunError(ClbenchError):
    """The run itself failed."""

    exit_code = 1


class DivergedError(RunError):
    """Training has diverged, as it would again: a loss or a gradient that is not a number."""


def first_line(error: BaseException, *, limit: int = 200) -> str:
    """What a library said first; its kind where it said nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:limit]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name: `; did you mean 'mofo'?`, or the list of what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name.casefold(), names, n=3, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(repr(one) for one in close) + "?"
    return "; there is " + ", ".join(names) if names else "; there is none"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not known, with the nearest ones."""
    return UnknownNameError(f"no {kind} {name!r}{did_you_mean(name, known)}")


def pydantic_line(error: ValidationError) -> str:
    """All complaints of pydantic in one line: `epochs: Input should be greater than 0 (got -1); …`."""
    complaints = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "value"
        got = "" if item["type"] in {"missing", "extra_forbidden"} else f" (got {short(item['input'])})"
        complaints.append(f"{where}: {item['msg']}{got}")
    return "; ".join(complaints)


def short(value: object, *, limit: int = 60) -> str:
    """A value's repr, cut so that a message stays one line."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
