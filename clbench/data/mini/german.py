"""German for `20minuten`: who, does what, to what; with the cases and endings that a sentence needs.

An event is told in learned words and with an adjective, and has the plain sentences that say the same.
"""

from __future__ import annotations

from typing import NamedTuple

from clbench.data.mini.draw import capital
from clbench.data.words import german

ACCUSATIVE = {"m": "einen", "f": "eine", "n": "ein"}
NOMINATIVE = {"m": "ein", "f": "eine", "n": "ein"}
# Endings of an adjective after ein, eine or einen.
ENDINGS = {"nominative": {"m": "er", "f": "e", "n": "es"}, "accusative": {"m": "en", "f": "e", "n": "es"}}


class Actor(NamedTuple):
    """Who did it: nominative, agent of a passive (`vom Kanton`), and gender."""

    nominative: str
    agent: str
    gender: str

    @property
    def pronoun(self) -> str:
        """The personal pronoun."""
        return {"m": "er", "f": "sie", "n": "es"}[self.gender]

    @property
    def relative(self) -> str:
        """The relative pronoun in the nominative."""
        return {"m": "der", "f": "die", "n": "das"}[self.gender]


class Verb(NamedTuple):
    """A learned verb and its plain one: participles, then infinitives (the learned one with `zu`)."""

    participle: str
    plain: str
    to_do: str
    infinitive: str


class Event(NamedTuple):
    """Who did what, and where; with the adjective that the plain sentence leaves out."""

    actor: Actor
    verb: Verb
    noun: str
    gender: str
    adjective: str
    place: str

    @property
    def accusative(self) -> str:
        """The object with its adjective: `einen alten Turm`."""
        return f"{ACCUSATIVE[self.gender]} {self.adjective}{ENDINGS['accusative'][self.gender]} {self.noun}"

    @property
    def nominative(self) -> str:
        """The same as a subject: `ein alter Turm`."""
        return f"{NOMINATIVE[self.gender]} {self.adjective}{ENDINGS['nominative'][self.gender]} {self.noun}"

    @property
    def plain(self) -> str:
        """The plain sentence: `Die Stadt hat in Birkwil einen Turm gebaut`."""
        return self._sentence(f"{ACCUSATIVE[self.gender]} {self.noun}", "hat", self.verb.plain)

    @property
    def denied(self) -> str:
        """That it did not happen: `Die Stadt hat in Birkwil keinen Turm gebaut`."""
        return self._sentence(f"k{ACCUSATIVE[self.gender]} {self.noun}", "hat", self.verb.plain)

    @property
    def intended(self) -> str:
        """That it is going to happen: `Die Stadt will in Birkwil einen Turm bauen`."""
        return self._sentence(f"{ACCUSATIVE[self.gender]} {self.noun}", "will", self.verb.infinitive)

    @property
    def told(self) -> str:
        """Place, object and learned participle, as they stand in most paragraphs."""
        return f"{self.place} {self.accusative} {self.verb.participle}"

    def _sentence(self, what: str, auxiliary: str, verb: str) -> str:
        return f"{capital(self.actor.nominative)} {auxiliary} {self.place} {what} {verb}."


ACTORS = tuple(Actor(*row) for row in german.ACTORS)
DEEDS = tuple((Verb(*row[:4]), tuple(tuple(noun.split()) for noun in row[4].split(", "))) for row in german.DEEDS)
