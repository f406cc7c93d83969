"""Work for several cores by processes that are forked from this one, and so know what it knows.

`mapped` is a pure function of many things; where forking is not to be had, or not safe because threads or a device are
at work, it is a plain loop.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from clbench.base.atomic import SIGNS

One = TypeVar("One")
Found = TypeVar("Found")
MOST = 8  # processes: each costs some milliseconds, and memory for what it finds
CLAIMS = 256  # of which each is a byte


def mapped(
    function: Callable[[One], Found],
    things: Sequence[One],
    *,
    least: int,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Found]:
    """`[function(one) for one in things]`, whose results can be pickled.

    Args:
        function: without side effects.
        things: of about equal work.
        least: as many as make a process of their own worth while.
        meanwhile: what this process does first, while others are at work.
    """
    count = min(len(things) // least, _cores(), MOST)
    if count < 2 or not _may_fork():
        meanwhile()
        return [function(one) for one in things]
    size = -(-len(things) // CLAIMS)
    parts = [range(start, min(start + size, len(things))) for start in range(0, len(things), size)]
    found: dict[int, Found] = {}
    with claims(len(parts)) as pile:

        def work() -> dict[int, Found]:
            return {place: function(things[place]) for part in taken(pile) for place in parts[part]}

        with _uncollected():
            started = [begin(lambda told: told.send(work()))[1] for _ in range(count - 1)]
            meanwhile()
            found |= work()
    for ends in started:
        found |= _received(ends)
    return [found[place] if place in found else function(one) for place, one in enumerate(things)]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for circles of objects, of which what is found here has none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def claims(number: int) -> Iterator[int]:
    """A pile of numbers from 0, for `taken` in this process and in those that are forked from it."""
    assert number <= CLAIMS
    pile, numbers = os.pipe()
    os.write(numbers, bytes(range(number)))
    os.close(numbers)
    try:
        yield pile
    finally:
        os.close(pile)


def taken(pile: int) -> Iterator[int]:
    """Numbers that no other process takes, until none is left."""
    while number := os.read(pile, 1):
        yield number[0]


def begin(work: Callable[[Connection], None]) -> tuple[BaseProcess, Connection]:
    """Begin a process, which ends with this one.

    Args:
        work: what it does, given where it tells of it. An error, or an interrupt that this process hears, too, ends it
            without a word: who does its work again hears.

    Returns:
        The process, and where it is heard; `EOFError` there where it has ended.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def quietly() -> None:
        with contextlib.suppress(Exception, KeyboardInterrupt):
            work(theirs)

    process = multiprocessing.get_context("fork").Process(target=quietly, daemon=True)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, which callers know
        process.start()
    theirs.close()  # so that a process that dies is heard of
    return process, ours


def _received(ours: Connection) -> dict[int, Any]:
    """What a process found; nothing where it ended without a word."""
    with ours:
        try:
            return ours.recv()
        except EOFError:
            return {}


def can_fork() -> bool:
    """Whether the system forks well, and this process may have children, which another's daemon may not."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _may_fork() -> bool:
    """On Linux, where nothing else is at work in this process, but what gives signs of a lock: that holds nothing."""
    others = [one for one in threading.enumerate() if one is not threading.current_thread() and one.name != SIGNS]
    return can_fork() and not others and "torch" not in sys.modules
