"""How many threads a step is shared out to on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")

FEW = 2
"""Up to so many threads, one is faster. A step is some hundred short operations, each of which ends by waiting for all
threads; when another process holds one of two cores, that is most of the time (README, "Cost")."""


@contextmanager
def few_as_one() -> Iterator[None]:
    """Where torch has few threads, use one meanwhile. Changes no result: elements do not meet but in exact counts."""
    threads = torch.get_num_threads()
    if not 1 < threads <= FEW or not torch.backends.openmp.is_available():  # others cannot change it once they run
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def spread(work: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Do pieces of work that do not meet on as many threads as torch has, on each of which torch has one."""
    threads = min(torch.get_num_threads(), len(items))
    if threads < 2:
        for item in items:
            work(item)
        return
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, items))
    finally:
        torch.set_num_threads(before)  # a thread's own number becomes the process's
