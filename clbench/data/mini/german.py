"""German for `20minuten`: who, does what, to what; with the cases and endings that a sentence needs.

An event is told in learned words and with an adjective, and has the plain sentences that say the same.
"""

from __future__ import annotations

from typing import NamedTuple

from clbench.data.mini.draw import capital, table, words

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


ACTORS = tuple(Actor(*row) for row in table("""
    die Gemeinde        | von der Gemeinde    | f
    die Stadt           | von der Stadt       | f
    der Kanton          | vom Kanton          | m
    der Turnverein      | vom Turnverein      | m
    das Museum          | vom Museum          | n
    das Spital          | vom Spital          | n
    die Schule          | von der Schule      | f
    ein Bauer           | von einem Bauern    | m
    eine Lehrerin       | von einer Lehrerin  | f
    ein Schreiner       | von einem Schreiner | m
    die Feuerwehr       | von der Feuerwehr   | f
    eine Firma          | von einer Firma     | f
    der Quartierverein  | vom Quartierverein  | m
    ein Ehepaar         | von einem Ehepaar   | n
    die Polizei         | von der Polizei     | f
    eine Rentnerin      | von einer Rentnerin | f
    ein Student         | von einem Studenten | m
    die Kirche          | von der Kirche      | f
    das Hotel           | vom Hotel           | n
    ein Nachbar         | von einem Nachbarn  | m
    eine Gärtnerin      | von einer Gärtnerin | f
    der Zirkus          | vom Zirkus          | m
    die Universität     | von der Universität | f
    das Theater         | vom Theater         | n
    ein Förster         | von einem Förster   | m
    eine Bäckerin       | von einer Bäckerin  | f
    der Zoo             | vom Zoo             | m
    das Forstamt        | vom Forstamt        | n
"""))  # fmt: skip
# Participle and plain participle, infinitive with zu and plain infinitive; then the objects, each with its gender.
DEEDS = tuple((Verb(*row[:4]), tuple(tuple(noun.split()) for noun in row[4].split(", "))) for row in table("""
    errichtet | gebaut | zu errichten | bauen | Brücke f, Turm m, Halle f, Schulhaus n, Spielplatz m, Mauer f, Stall m
    erworben | gekauft | zu erwerben | kaufen | Bus m, Scheune f, Grundstück n, Gemälde n, Wiese f, Traktor m, Orgel f
    veräussert | verkauft | zu veräussern | verkaufen | Villa f, Wald m, Boot n, Sammlung f, Lastwagen m, Haus n, Uhr f
    instand gesetzt | repariert | instand zu setzen | reparieren | Dach n, Strasse f, Brunnen m, Glocke f, Tor n, Steg m
    aufgespürt | gefunden | aufzuspüren | finden | Katze f, Schatz m, Kiste f, Grab n, Hund m, Münze f, Auto n
    abgetragen | abgerissen | abzutragen | abreissen | Kamin m, Fabrik f, Kino n, Bahnhof m, Garage f, Lagerhaus n
    entwickelt | gemacht | zu entwickeln | machen | Film m, Lampe f, Spiel n, Karte f, Plan m, Rad n, Maschine f
    beseitigt | entfernt | zu beseitigen | entfernen | Zaun m, Baum m, Hecke f, Plakat n, Schild n, Ampel f, Felsen m
    präsentiert | gezeigt | zu präsentieren | zeigen | Modell n, Entwurf m, Skulptur f, Fund m, Maske f, Buch n
    verfasst | geschrieben | zu verfassen | schreiben | Bericht m, Brief m, Roman m, Chronik f, Gesuch n, Lied n
    gespendet | verschenkt | zu spenden | verschenken | Sitzbank f, Ofen m, Klavier n, Linde f, Zelt n, Rutschbahn f
"""))  # fmt: skip
ADJECTIVES = words("""
    klein gross bunt schlicht schön ungewöhnlich auffällig umstritten wertvoll stattlich bescheiden seltsam markant
""")
