"""`mapped` is a plain loop, whichever processes the work is done in."""

from __future__ import annotations

import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import atomic, forked
from clbench.base.forked import mapped


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """As in a command: four cores, and nothing else at work."""
    monkeypatch.setattr(forked, "_cores", lambda: 4)
    monkeypatch.setattr(forked, "_may_fork", lambda: True)


@given(st.lists(st.integers(), max_size=30), st.integers(1, 8))
def test_it_is_a_plain_loop(things, least):
    assert mapped(lambda one: one * 2, things, least=least) == [one * 2 for one in things]


@pytest.mark.parametrize(
    ("number", "least", "processes"), [(40, 10, 4), (39, 10, 3), (400, 10, 4), (19, 10, 1), (0, 1, 1)]
)
def test_many_things_are_shared_out(number, least, processes, monkeypatch):
    begun = []
    monkeypatch.setattr(forked, "begin", lambda work, begin=forked.begin: begun.append(work) or begin(work))
    assert mapped(lambda one: one, range(number), least=least) == list(range(number))
    assert len(begun) + 1 == processes


def test_others_are_at_work_while_this_process_does_something_else(tmp_path):
    here, end = os.getpid(), time.monotonic() + 60

    def touch(one: int) -> int:
        (tmp_path / str(one)).touch()
        return os.getpid()

    def wait() -> None:
        while len([*tmp_path.iterdir()]) < 8 and time.monotonic() < end:
            time.sleep(0.01)

    assert here not in mapped(touch, range(8), least=2, meanwhile=wait)


def test_a_plain_loop_comes_after_it():
    told = []
    assert mapped(lambda one: (one, *told), [1], least=2, meanwhile=lambda: told.append(2)) == [(1, 2)]


def test_each_number_is_taken_once():
    with forked.claims(3) as pile:
        taken = forked.taken(pile)
        assert next(taken) == 0
        assert [*forked.taken(pile)] == [1, 2]
        assert [*taken] == []


def test_what_is_wrong_is_raised_here_alone(capfd):
    def fails(one: int) -> int:
        if one == 5:
            raise ValueError("five")
        return one

    with pytest.raises(ValueError, match="five"):
        mapped(fails, range(8), least=2)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_is_heard_here_alone(capfd):
    here = os.getpid()

    def interrupted(one: int) -> int:
        if os.getpid() != here:
            raise KeyboardInterrupt
        return one

    assert mapped(interrupted, range(8), least=2) == list(range(8))
    assert capfd.readouterr() == ("", "")


def test_what_a_process_that_dies_had_to_do_is_done_here():
    here = os.getpid()

    def dies(one: int) -> int:
        if os.getpid() != here and one == 5:
            os._exit(9)
        return one

    assert mapped(dies, range(8), least=2) == list(range(8))


def test_more_than_a_pipe_holds_comes_back():
    found = mapped(lambda one: bytes([one]) * 1_000_000, range(6), least=1)
    assert [(one[0], len(one)) for one in found] == [(place, 1_000_000) for place in range(6)]


def test_nothing_is_forked_beside_threads_or_torch(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(forked.sys, "platform", "linux")
    monkeypatch.setattr(forked.sys, "modules", {})
    monkeypatch.setattr(forked.threading, "enumerate", lambda: [threading.current_thread()])
    assert forked._may_fork()
    monkeypatch.setattr(forked.sys, "modules", {"torch": None})
    assert not forked._may_fork()
    monkeypatch.setattr(forked.sys, "modules", {})
    monkeypatch.setattr(forked.threading, "enumerate", lambda: [threading.current_thread(), threading.Thread()])
    assert not forked._may_fork()
    monkeypatch.setattr(forked.threading, "enumerate", lambda: [threading.Thread(name=atomic.SIGNS)])
    assert forked._may_fork()


def test_a_lock_has_the_thread_that_may_be_there(monkeypatch, tmp_path):
    monkeypatch.undo()
    before = {one.name for one in threading.enumerate()}
    with atomic.lock(tmp_path):
        assert {one.name for one in threading.enumerate()} - before <= {atomic.SIGNS}


def test_a_daemon_of_another_process_has_no_children(monkeypatch):
    assert forked.can_fork() == (forked.sys.platform == "linux")
    monkeypatch.setitem(forked.multiprocessing.current_process()._config, "daemon", True)
    assert not forked.can_fork()
