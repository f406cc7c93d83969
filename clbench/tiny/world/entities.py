"""The world itself: some two hundred entities and what is true of them, fixed by `WORLD_SEED`.

A relation takes its values from a small shared set of common words or from the entities of another kind; each value is
used about equally often, so that knowing the relation alone is worth one in eight to one in thirty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from clbench.tiny.world.names import invent
from clbench.tiny.world.record import WORLD_SEED, generator
from clbench.tiny.world.values import VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clbench.tiny.world.record import Dice

COUNTS = {"country": 20, "town": 30, "person": 50, "company": 24, "animal": 30, "mineral": 20, "plant": 16, "book": 16}
"""How many entities of each kind that is asked about."""

NAMED_VALUES = {"river": 12, "currency": 10, "language": 10}
"""Invented names that are only ever answers."""

RELATIONS: dict[str, dict[str, str]] = {
    "country": {"capital": "town", "currency": "currency", "language": "language", "emblem": "animal"},
    "town": {"country": "country", "river": "river", "dish": "food"},
    "person": {"profession": "profession", "birthplace": "town", "instrument": "instrument"},
    "company": {"founder": "person", "product": "product", "seat": "town"},
    "animal": {"colour": "colour", "food": "food", "habitat": "habitat"},
    "mineral": {"colour": "colour", "use": "use", "country": "country"},
    "plant": {"blossom": "colour", "season": "season", "habitat": "habitat"},
    "book": {"author": "person", "subject": "genre", "year": "year"},
}
"""Kind -> relation -> where its values come from: a key of `VALUES`, or a kind of names."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One invented thing and everything that is true of it (values in English, or invented names)."""

    kind: str
    name: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the world: `value` is the only answer to `relation` of the entity `name`."""

    kind: str
    name: str
    relation: str
    value: str


@cache
def names() -> dict[str, tuple[str, ...]]:
    """Every invented name by kind, the answers-only kinds included."""
    rng, taken = generator(WORLD_SEED, "names"), set[str]()
    counts = COUNTS | NAMED_VALUES
    return {kind: invent(kind, count=count, rng=rng, taken=taken) for kind, count in counts.items()}


def _spread(pool: tuple[str, ...], *, count: int, rng: Dice) -> list[str]:
    """That many values of the pool in random order, each about equally often."""
    rounds = [rng.sample(pool, len(pool)) for _ in range(-(-count // len(pool)))]
    return [value for one in rounds for value in one][:count]


def pool_of(source: str) -> tuple[str, ...]:
    """All values that a relation with this source can take, in English."""
    return tuple(forms[0] for forms in VALUES[source]) if source in VALUES else names()[source]


def _column(kind: str, relation: str) -> list[str]:
    """The values of one relation, one for each entity of the kind."""
    rng = generator(WORLD_SEED, kind, relation)
    if (kind, relation) == ("town", "country"):  # the first towns are the capitals, in the countries' order
        return [*names()["country"], *_spread(names()["country"], count=COUNTS["town"] - COUNTS["country"], rng=rng)]
    if (kind, relation) == ("country", "capital"):
        return list(names()["town"][: COUNTS["country"]])
    return _spread(pool_of(RELATIONS[kind][relation]), count=COUNTS[kind], rng=rng)


@cache
def all_entities() -> tuple[Entity, ...]:
    """The whole world in a fixed order."""
    made = []
    for kind, relations in RELATIONS.items():
        columns = {relation: _column(kind, relation) for relation in relations}
        for number, name in enumerate(names()[kind]):
            made.append(Entity(kind=kind, name=name, facts={key: column[number] for key, column in columns.items()}))
    return tuple(made)


@cache
def all_facts() -> tuple[Fact, ...]:
    """Everything that can be asked, in the order of the entities."""
    return tuple(
        Fact(kind=one.kind, name=one.name, relation=relation, value=value)
        for one in all_entities()
        for relation, value in one.facts.items()
    )
