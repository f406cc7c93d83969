"""Random choices that are the same on every Python.

Of everything in `random`, the documentation promises only that `Random(int).random()` keeps its sequence from one
Python to the next; `choice`, `shuffle` and `randrange` have changed before. So everything here is built on `random()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

T = TypeVar("T")


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One of the items, all equally likely."""
    return items[int(rng.random() * len(items))]


def between(rng: random.Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def chance(rng: random.Random, probability: float) -> bool:
    """True with the given probability."""
    return rng.random() < probability


def distinct(rng: random.Random, items: Sequence[T], count: int) -> list[T]:
    """`count` items from different places of the sequence, in random order (the first steps of Fisher-Yates)."""
    pool = list(items)
    for place in range(count):
        other = between(rng, place, len(pool) - 1)
        pool[place], pool[other] = pool[other], pool[place]
    return pool[:count]


def shuffled(rng: random.Random, items: Sequence[T]) -> list[T]:
    """All items in random order."""
    return distinct(rng, items, len(items))


def capital(text: str) -> str:
    """The text with its first letter upper-case and the rest as it is."""
    return text[:1].upper() + text[1:]
