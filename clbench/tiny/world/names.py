"""Invented proper names: pronounceable, distinct in their first four letters, of no language.

Distinct beginnings keep the names apart for a model of a million parameters; a suffix says what kind of thing it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gl",
    "h",
    "j",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "t",
    "tr",
    "v",
    "w",
    "z",
)
VOWELS = ("a", "e", "i", "o", "u")
MIDDLES = ("b", "d", "f", "g", "k", "l", "lm", "m", "n", "nd", "p", "r", "rt", "s", "st", "t", "v", "x", "z")
ENDINGS = {
    "country": ("onia", "eria", "undia", "avia"),
    "town": ("ick", "orn", "ulm", "est"),
    "person": ("el", "an", "o", "in"),
    "company": ("ex", "io", "ara", "ium"),
    "animal": ("oo", "ang", "ibi", "uk"),
    "mineral": ("ite", "yte", "olt", "ase"),
    "plant": ("wort", "bloom", "root", "leaf"),
    "book": ("iad", "ode", "ary", "ana"),
    "river": ("a", "ou", "iss", "er"),
    "currency": ("al", "et", "ock", "on"),
    "language": ("ish", "ese", "ic", "ian"),
}


def invent(kind: str, *, count: int, rng: Dice, taken: set[str]) -> tuple[str, ...]:
    """That many new names of one kind.

    Args:
        kind: A key of `ENDINGS`.
        count: How many names.
        rng: The source of the syllables.
        taken: First four letters that are in use already; the new ones are added.
    """
    names: list[str] = []
    while len(names) < count:
        stem = rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(MIDDLES)
        name = (stem + rng.choice(ENDINGS[kind])).capitalize()
        if name[:4] not in taken:
            taken.add(name[:4])
            names.append(name)
    return tuple(names)
