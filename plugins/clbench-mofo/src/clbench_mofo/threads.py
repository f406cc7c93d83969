"""How many threads a step is shared out to on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

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
