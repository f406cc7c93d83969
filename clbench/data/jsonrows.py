"""JSON to rows: one record a line, one list, or an object whose `data` is the list; told apart by what stands there.

Lines and lists are read in pieces; a key that stands twice in an object is refused, as one of the two would be lost.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from clbench.base.errors import DataError
from clbench.data.files import KNOWN, MAX_LINE, Opened, Row

CHUNK = 1 << 16  # characters read at once
MAX_WHOLE = 512 << 20  # bytes of an object that holds all records, which is read at once
_MARK = b"\xef\xbb\xbf"  # of the byte order, which Windows puts before UTF-8
_BLANK = re.compile(r"[ \t\r\n]*")
_OPENING = re.compile(rb'\{\s*($|"data"\s*:\s*(\[|$))')  # of an object that goes on in further lines


def json_rows(path: Path, opener: Callable[[], IO[bytes]], *, written: bool) -> Opened:
    """The records of a JSON file.

    Raises:
        DataError: with file and line, here or while it is read.
    """
    decoder = _decoder(written=written)
    with opener() as file:
        begin = file.read(CHUNK).removeprefix(_MARK).lstrip()
    if begin.startswith(b"["):
        return Opened("a JSON list", _list(path, opener, decoder))
    if begin and not begin.startswith(b"{"):
        shown = begin.splitlines()[0][:40].decode("utf-8", "replace")
        raise DataError(f"{path}:1: malformed JSON: it begins with {shown!r}; files are read as {KNOWN}")
    with opener() as file:
        lines = _lines(path, file)
        _, line = next(lines, (1, b""))
        more = next(lines, None) is not None
    if _holds_all(line, decoder, more=more):
        return Opened('a JSON object whose "data" is the list', _data(path, opener, decoder))
    return Opened("JSON, one record a line", _each_line(path, opener, decoder))


def _decoder(*, written: bool) -> json.JSONDecoder:
    if written:
        return json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
    return json.JSONDecoder(object_pairs_hook=_once)


class _TwiceError(ValueError):
    """A key stands twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _wrong(error: ValueError | RecursionError) -> str:
    """What is wrong; a number of 5,000 digits and too many brackets are errors of their own kinds."""
    if isinstance(error, _TwiceError):
        return f"the key {str(error)!r} stands twice in an object; one of the two would be lost"
    return f"malformed JSON: {getattr(error, 'msg', error)}"


def _lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered, without what they end in."""
    number = 1
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise DataError(f"{path}:{number}: more than {MAX_LINE >> 20} MiB in one line; write one record a line")
        bare = line.removeprefix(_MARK if number == 1 else b"").strip(b" \t\r\n")
        if bare:
            yield number, bare
        number += 1


def _each_line(path: Path, opener: Callable[[], IO[bytes]], decoder: json.JSONDecoder) -> Iterator[Row]:
    with opener() as file:
        for number, line in _lines(path, file):
            try:
                yield f"{path}:{number}", decoder.decode(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise DataError(f"{path}:{number}: is not UTF-8 text (byte {error.start} of the line)") from error
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}:{number}: {_wrong(error)}") from error


def _holds_all(line: bytes, decoder: json.JSONDecoder, *, more: bool) -> bool:
    """Whether what begins with this line is one object with the list of records, and no record."""
    try:
        first = decoder.decode(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return _OPENING.match(line) is not None
    return not more and _listed(first) is not None


def _listed(value: object) -> list[Any] | None:
    """The records of an object that keeps them under `data`."""
    found = value.get("data") if isinstance(value, dict) else None
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _data(path: Path, opener: Callable[[], IO[bytes]], decoder: json.JSONDecoder) -> Iterator[Row]:
    with opener() as file:
        content = file.read(MAX_WHOLE + 1)
    if len(content) > MAX_WHOLE:
        raise DataError(f"{path}: one object of more than {MAX_WHOLE >> 20} MiB; write one record a line")
    try:
        value = decoder.decode(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{getattr(error, 'lineno', 1)}: {_wrong(error)}") from error
    found = _listed(value)
    for number, one in enumerate([value] if found is None else found, 1):
        yield f"{path}: record {number}", one


def _list(path: Path, opener: Callable[[], IO[bytes]], decoder: json.JSONDecoder) -> Iterator[Row]:
    with io.TextIOWrapper(opener(), encoding="utf-8-sig", newline="\n") as file:  # type: ignore[arg-type]
        text = _Text(path, file)
        text.expect("[")
        number = 0
        while text.peek() != "]":
            if number:
                text.expect(",")
            number += 1
            yield f"{path}: record {number}", text.value(decoder)
        text.expect("]")
        if text.peek():
            raise text.wrong("something stands behind the list")


class _Text:
    """The part of a text file in which the present record stands."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path, self.file = path, file
        self.text, self.at, self.line, self.ended = "", 0, 1, False

    def wrong(self, what: str, *, at: int | None = None) -> DataError:
        """The error for what stands here."""
        line = self.line + self.text.count("\n", 0, self.at if at is None else at)
        return DataError(f"{self.path}:{line}: {what}")

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self._more()

    def expect(self, sign: str) -> None:
        """Pass over a sign."""
        if self.peek() != sign:
            raise self.wrong(f"malformed JSON: {sign!r} is missing")
        self.at += 1

    def value(self, decoder: json.JSONDecoder) -> Any:
        """The JSON value that begins here; where it is cut off, more is read."""
        self.peek()
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                if end < len(self.text) or self.ended:  # else a number may go on
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                if self.ended or len(self.text) - self.at > MAX_LINE:
                    raise self.wrong(_wrong(error), at=error.pos) from error
            except (ValueError, RecursionError) as error:
                raise self.wrong(_wrong(error)) from error
            self._more()

    def _more(self) -> None:
        """Forget what was passed over, and read at least as much as is held, so that long records take few attempts."""
        self.line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :], 0
        try:
            read = self.file.read(max(CHUNK, len(self.text)))
        except UnicodeDecodeError as error:
            raise self.wrong("is not UTF-8 text, in this line or below") from error
        self.ended = not read
        self.text += read
