"""What the rows of a forward pass are asked: said by whoever runs the model, read by methods through `Run.prompts`.

A method that answers each prompt in a way of its own (a router, a prompt pool) must know where a row's prompt ends, and
neither a padded batch nor a pass on top of a cache tells it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import cached_property

Prompts = tuple[tuple[int, ...], ...]


class _Asked:
    """Told once a context, and only if somebody wants to know."""

    def __init__(self, tell: Callable[[], Iterable[Sequence[int]]]) -> None:
        self._tell = tell

    @cached_property
    def prompts(self) -> Prompts:
        return tuple(tuple(one) for one in self._tell())


_PRESENT: ContextVar[_Asked | None] = ContextVar("clbench_asked", default=None)


@contextlib.contextmanager
def asked(tell: Callable[[], Iterable[Sequence[int]]]) -> Iterator[None]:
    """Within, the rows of a model's forward passes belong to these prompts, in this order.

    Args:
        tell: their tokens, one a row.
    """
    token = _PRESENT.set(_Asked(tell))
    try:
        yield
    finally:
        _PRESENT.reset(token)


def prompts() -> Prompts | None:
    """Those of the passes under way, the same object within one context; None where nobody has said so."""
    present = _PRESENT.get()
    return None if present is None else present.prompts
