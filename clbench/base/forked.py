"""Work for several cores by processes that are forked from this one, and so know what it knows.

`mapped` is a pure function of many things; where forking is not to be had, or not safe because threads or a device are
at work, it is a plain loop.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from clbench.base.atomic import SIGNS

One = TypeVar("One")
Found = TypeVar("Found")
MOST = 8  # processes: each costs some milliseconds, and memory for what it finds


def mapped(function: Callable[[One], Found], things: Sequence[One], *, least: int) -> list[Found]:
    """`[function(one) for one in things]`, whose results can be pickled.

    Args:
        function: without side effects.
        things: of about equal work.
        least: as many as make a process of their own worth while.
    """
    count = min(len(things) // least, _cores(), MOST)
    if count < 2 or not _may_fork():
        return [function(one) for one in things]
    shares = [things[place::count] for place in range(count)]
    started = [begin(partial(_tell, function, share))[1] for share in shares[1:]]
    found = [[function(one) for one in shares[0]]]
    found += [_received(ends, function, share) for ends, share in zip(started, shares[1:], strict=True)]
    return [found[place % count][place // count] for place in range(len(things))]


def begin(work: Callable[[Connection], None]) -> tuple[BaseProcess, Connection]:
    """Begin a process, which ends with this one.

    Args:
        work: what it does, given where it tells of it. An error ends it without a word: who does its work again hears.

    Returns:
        The process, and where it is heard; `EOFError` there where it has ended.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def quietly() -> None:
        with contextlib.suppress(Exception):
            work(theirs)

    process = multiprocessing.get_context("fork").Process(target=quietly, daemon=True)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, which callers know
        process.start()
    theirs.close()  # so that a process that dies is heard of
    return process, ours


def _tell(function: Callable[[One], Found], share: Sequence[One], told: Connection) -> None:
    told.send([function(one) for one in share])


def _received(ours: Connection, function: Callable[[One], Found], share: Sequence[One]) -> list[Found]:
    """What a process found; where it ended without a word, it is found again here, and so is what was wrong."""
    with ours:
        try:
            return ours.recv()
        except EOFError:
            return [function(one) for one in share]


def can_fork() -> bool:
    """Whether the system forks well, and this process may have children, which another's daemon may not."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _may_fork() -> bool:
    """On Linux, where nothing else is at work in this process, but what gives signs of a lock: that holds nothing."""
    others = [one for one in threading.enumerate() if one is not threading.current_thread() and one.name != SIGNS]
    return can_fork() and not others and "torch" not in sys.modules
