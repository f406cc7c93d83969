"""Libraries written in Rust panic on some damaged files: what is raised is no `Exception`, and a trace is printed."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import IO


class Panicked(Exception):  # noqa: N818 (what happened, as the library calls it)
    """A library of another language has given up; says why."""


@contextlib.contextmanager
def panics_are_errors() -> Iterator[None]:
    """Inside, a panic is an ordinary exception without a trace; what else is written comes out afterwards.

    Raises:
        Panicked: there was one.
    """
    with tempfile.TemporaryFile() as written:
        try:
            with _standard_error_to(written.fileno()):
                yield
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # pyo3 makes the class anew in each library
                raise Panicked(str(error)) from error
            _tell(written)
            raise
        _tell(written)


def _tell(written: IO[bytes]) -> None:
    written.seek(0)
    os.write(2, written.read())


@contextlib.contextmanager
def _standard_error_to(file: int) -> Iterator[None]:
    sys.stderr.flush()
    before = os.dup(2)
    os.dup2(file, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
