"""A panic of a library becomes an exception, and leaves nothing on the terminal; everything else stays."""

import os
import sys

import pytest

from clbench.models.panics import Panicked, panics_are_errors


class PanicException(BaseException):
    """As pyo3 raises it."""


def fails(error, *, saying):
    with panics_are_errors():
        os.write(2, saying)
        raise error


def test_a_panic(capfd):
    with pytest.raises(Panicked, match="index out of range"):
        fails(PanicException("index out of range"), saying=b"thread panicked at model.rs")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_no_panic_goes_its_way(capfd, error):
    with pytest.raises(error):
        fails(error(), saying=b"a warning")
    assert capfd.readouterr().err == "a warning"


def test_nothing_happened(capfd):
    with panics_are_errors():
        sys.stderr.write("progress")
    assert capfd.readouterr().err == "progress"
