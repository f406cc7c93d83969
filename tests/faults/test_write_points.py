"""Killed at every kind of call that writes: before a file is opened for writing, renamed, removed or made durable.

`CLBENCH_WRITE_POINTS=200 pytest tests/faults/test_write_points.py -s` kills each of six methods at 200 of these calls,
evenly spread over all that an uninterrupted run makes; the ordinary suite kills one method at a few.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import nursery
import pytest
from test_kill import METHODS, imported  # noqa: F401 (a fixture)

from clbench.verification import afresh

POINTS = int(os.environ.get("CLBENCH_WRITE_POINTS", "0"))
CHOSEN = os.environ.get("CLBENCH_WRITE_METHODS", ",".join(METHODS)).split(",") if POINTS else ["frozen"]
CALLS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
CHECKED = 10  # every so many runs that were taken up are checked by another process at their end, which takes seconds
AHEAD = 1.0  # seconds that the run gets to go on before the thread that writes its checkpoint is killed
LEFT = (".part", ".tmp")  # what only an unfinished run needs


class Teller:
    """Counts the calls of a process that write below a folder, and ends it before the n-th."""

    def __init__(self, home, *, die_at=0, checked=True, number=signal.SIGKILL):
        self.home, self.die_at, self.count, self.kinds, self.checked = str(home), die_at, 0, [], checked
        self.sync, self.number, self.turn = os.fsync, number, threading.RLock()

    def begin(self):
        if not self.checked:
            afresh.check_afresh = agreed
        sys.addaudithook(self.heard)
        os.fsync = self.durable

    def heard(self, event, args):
        writes = event in CALLS or (event == "open" and args and args[2] & (os.O_WRONLY | os.O_RDWR))
        if writes and str(args[0]).startswith(self.home) and not str(args[0]).endswith(("log", ".lock", ".owner")):
            self.call(event)

    def durable(self, descriptor):
        self.call("fsync")
        return self.sync(descriptor)

    def call(self, event):
        with self.turn:  # a checkpoint is written beside the run
            self.count += 1
            self.kinds.append(event)
            if self.count == self.die_at:
                os.kill(os.getpid(), self.number)


class WriterTeller(Teller):
    """Counts only calls of the thread that writes checkpoints; before the n-th it lets the run go on meanwhile."""

    def call(self, event):
        if threading.current_thread().name != "clbench-background":
            return
        if self.count + 1 == self.die_at:
            said, end = nursery.said(Path(self.home)), time.monotonic() + AHEAD
            while nursery.said(Path(self.home)) == said and time.monotonic() < end:
                time.sleep(0.01)
        super().call(event)


def agreed(*_):
    """In place of the process that looks at a finished run: it finds nothing wrong."""


def attempt(method, home, *, die_at=0, checked=True, kind=Teller):
    """One process with the command; its exit code."""
    teller = kind(home, die_at=die_at, checked=checked)
    child = nursery.start(nursery.command(method, home, stream=nursery.THREE), log=home / "log", before=teller.begin)
    return nursery.finish(child)


def calls_of(method, home, *, kind=Teller):
    """What an uninterrupted run calls, in order."""
    read, write = os.pipe()
    teller = kind(home)

    def tell():
        os.write(write, ("\n".join(teller.kinds)).encode())

    child = nursery.start(
        nursery.command(method, home, stream=nursery.THREE), log=home / "log", before=teller.begin, after=tell
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        kinds = pipe.read().split("\n")
    assert nursery.finish(child) == 0, (home / "log").read_text("utf-8")
    return kinds


@pytest.mark.faults
@pytest.mark.parametrize("method", CHOSEN)
def test_killed_before_a_call_that_writes_a_run_ends_as_if_it_had_not_been(method, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    kinds = calls_of(method, whole)
    tried = min(POINTS or 2, len(kinds))
    points = [1 + place * len(kinds) // tried for place in range(tried)]
    met = killed_at(method, tmp_path, points, kinds, kind=Teller)
    print(f"{method}: killed at {tried} of {len(kinds)} calls that write: {met}; all equal, nothing left")  # noqa: T201


@pytest.mark.faults
@pytest.mark.parametrize("method", CHOSEN if POINTS else ["sequential"])
def test_killed_while_a_checkpoint_is_written_beside_it_a_run_ends_as_if_it_had_not_been(method, tmp_path):
    """One whole checkpoint within a task, and one before a measurement."""
    whole = tmp_path / "whole"
    whole.mkdir()
    kinds = calls_of(method, whole, kind=WriterTeller)
    begins = [place for place, one in enumerate(kinds, 1) if one == "os.mkdir" and place > 1]
    every = range(begins[3], begins[5])
    points = every if POINTS else [every[1], max(one for one in every if kinds[one - 1] == "os.rename")]
    met = killed_at(method, tmp_path, points, kinds, kind=WriterTeller)
    print(f"{method}: killed at {len(points)} calls of two checkpoints: {met}; all equal, nothing left")  # noqa: T201


def killed_at(method, tmp_path, points, kinds, *, kind):
    """Kill a run at each of these calls, and let the same command end it; how often at which."""
    expected, met = nursery.result(tmp_path / "whole"), Counter()
    for number, point in enumerate(points):
        home = tmp_path / f"at-{point}"
        home.mkdir()
        assert attempt(method, home, die_at=point, kind=kind) == -signal.SIGKILL
        met[kinds[point - 1]] += 1
        assert attempt(method, home, checked=number % CHECKED == 0) == 0, (home / "log").read_text("utf-8")[-2000:]
        assert nursery.unlike(nursery.result(home), expected) == [], f"killed before call {point}, {kinds[point - 1]}"
        left = [one.name for one in home.rglob("*") if one.suffix in LEFT or one.parent.name == "checkpoints"]
        assert left == [], f"killed before call {point}, {kinds[point - 1]}"
        shutil.rmtree(home)
    return dict(met)
