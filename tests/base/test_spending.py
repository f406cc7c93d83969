"""Each second is counted once, as what is innermost."""

import contextlib
import threading

import pytest

from clbench.base import spending
from clbench.base.spending import Spending


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr("clbench.base.spending.time.perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_what_is_inside_counts_as_what_it_is(clock):
    spent = Spending()
    clock(1)
    with spent.on("training"):
        clock(2)
        with spent.on("saving"):
            clock(4)
            assert spent.now() == {"other": 1, "training": 2, "saving": 4}
        clock(8)
    clock(16)
    assert spent.now() == {"other": 17, "training": 10, "saving": 4}


def test_an_error_ends_what_it_leaves(clock):
    spent = Spending()
    with contextlib.suppress(ValueError), spent.on("training"), spent.on("saving"):
        clock(1)
        raise ValueError
    clock(2)
    assert spent.now() == {"other": 2, "training": 0, "saving": 1}


def test_what_was_spent_before_is_added_and_a_beginning_forgets(clock):
    spent = Spending()
    clock(5)
    spent.begin()
    clock(1)
    spent.add({"other": 10.0, "reading": 3.0})
    assert spent.now() == {"other": 11, "reading": 3}


def test_a_thread_counts_for_itself():
    spending.present().begin()

    def work():
        with spending.on("hashing"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "hashing" not in spending.present().now()
