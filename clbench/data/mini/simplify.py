"""`20minuten`: a German news paragraph in one plain sentence.

What must be learned: who did what, where; leave out the source, the relative clause, the reason, the adjective and
the detail; turn passive, reported speech and pronouns into one active sentence; put the plain word for the learned one
(errichtet -> gebaut). Spelling is Swiss (ss for ß), as in the paper. Nouns carry their gender and cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini.draw import between, capital, chance, phrases, pick, table, words
from clbench.data.mini.templates import SIMPLIFY

if TYPE_CHECKING:
    import random


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
    plain_infinitive: str


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
ADJECTIVES = words("klein gross bunt schlicht schön ungewöhnlich auffällig umstritten wertvoll stattlich bescheiden seltsam markant")
PLACES = phrases("""
    in Birkwil | in Oberlinden | am Seeufer | in der Altstadt | beim Bahnhof | in Rosental | auf dem Hügel | im Dorf Matten
    in Niederau | am Waldrand | in Kirchfeld | in Sonnrüti | am Marktplatz | in Talbach | beim Hafen | in Ahornegg
    im Nordquartier | in Feldmoos | am Stadtrand | in Brunnau | neben der Mühle | in Steinhof | in Grünegg | am Fluss
""")
TIMES = phrases("""
    am Montag | am Dienstagabend | in der Nacht auf Mittwoch | gestern Nachmittag | im Frühling | Anfang Mai | vergangene Woche
    nach langer Planung | kurz vor Weihnachten | im Oktober | am Wochenende | überraschend | am frühen Morgen
""")
RELATIVES = phrases("""
    seit Jahren in der Region tätig ist | zuletzt kaum Geld hatte | sich bisher nicht geäussert hat | viel Lob erhielt
    von Freiwilligen unterstützt wird | sonst eher zurückhaltend ist | weitherum bekannt ist | schon länger darüber nachdachte
""")
SOURCES = phrases("""
    die «Moospost» | der «Hügelkurier» | eine Sprecherin | ein Augenzeuge | das «Blatt vom Tal» | ein Behördenvertreter
    die Agentur «Dreistern» | das Lokalradio
""")
REASONS = phrases("""
    Obwohl es stark regnete | Weil die Zeit drängte | Obwohl viele dagegen waren | Nachdem lange gestritten worden war
    Um Kosten zu sparen | Weil der Wunsch gross war | Obwohl das Geld knapp ist | Nachdem eine Frist abgelaufen war
""")
HESITATIONS = words("gezögert verhandelt überlegt gewartet gestritten geschwiegen")
# What may follow any event, and what only one that took place.
REMARKS = phrases("""
    Die Kosten sind noch unklar. | Das Interesse ist gross. | Die Reaktionen fielen gemischt aus. | Näheres ist nicht bekannt.
    Weitere Angaben fehlen bislang. | Die Diskussion geht weiter. | Die Nachbarschaft zeigte sich erfreut.
""")
DETAILS = phrases("""
    Verletzt wurde niemand. | Rund {} Personen schauten zu. | Das kostete {}000 Franken. | Beteiligt waren {} Helfer.
    Es dauerte {} Tage. | Gefeiert wurde mit {} Gästen. | Die Vorbereitung nahm {} Wochen in Anspruch.
""")
ACCUSATIVE = {"m": "einen", "f": "eine", "n": "ein"}
NOMINATIVE = {"m": "ein", "f": "eine", "n": "ein"}
# Endings of an adjective after ein, eine or einen.
ENDINGS = {"nominative": {"m": "er", "f": "e", "n": "es"}, "accusative": {"m": "en", "f": "e", "n": "es"}}


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
        """The plain sentence: `Die Stadt hat in Birkwil einen Turm gebaut.`"""
        return self._sentence(f"{ACCUSATIVE[self.gender]} {self.noun}")

    @property
    def denied(self) -> str:
        """That it did not happen: `Die Stadt hat in Birkwil keinen Turm gebaut.`"""
        return self._sentence(f"k{ACCUSATIVE[self.gender]} {self.noun}")

    @property
    def intended(self) -> str:
        """That it is going to happen: `Die Stadt will in Birkwil einen Turm bauen.`"""
        return f"{capital(self.actor.nominative)} will {self.place} {ACCUSATIVE[self.gender]} {self.noun} {self.verb.plain_infinitive}."

    def _sentence(self, what: str) -> str:
        return f"{capital(self.actor.nominative)} hat {self.place} {what} {self.verb.plain}."


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its plain sentence, which ends in a line break like every answer of this task."""
    pattern = pick(rng, PATTERNS)
    text, answer = pattern(rng, _event(rng))
    if chance(rng, 0.6):
        fitting = REMARKS if pattern in {_intention, _denial} else REMARKS + DETAILS
        text = f"{text} {pick(rng, fitting).format(between(rng, 3, 40))}"
    return SIMPLIFY.format(text=text), f"{answer}\n"


def _event(rng: random.Random) -> Event:
    verb, objects = pick(rng, DEEDS)
    noun, gender = pick(rng, objects)
    return Event(pick(rng, ACTORS), verb, noun, gender, pick(rng, ADJECTIVES), pick(rng, PLACES))


def _relative(rng: random.Random, e: Event) -> tuple[str, str]:
    who = f"{capital(e.actor.nominative)}, {e.actor.relative} {pick(rng, RELATIVES)},"
    return f"{who} hat {pick(rng, TIMES)} {e.place} {e.accusative} {e.verb.participle}.", e.plain


def _passive(rng: random.Random, e: Event) -> tuple[str, str]:
    when = capital(pick(rng, TIMES))
    return f"{when} ist {e.place} {e.nominative} {e.actor.agent} {e.verb.participle} worden.", e.plain


def _according_to(rng: random.Random, e: Event) -> tuple[str, str]:
    source = pick(rng, SOURCES)
    return f"Wie {source} meldet, hat {e.actor.nominative} {e.place} {e.accusative} {e.verb.participle}.", e.plain


def _reported(rng: random.Random, e: Event) -> tuple[str, str]:
    source, when = capital(pick(rng, SOURCES)), pick(rng, TIMES)
    return f"{source} berichtet, dass {e.actor.nominative} {when} {e.place} {e.accusative} {e.verb.participle} habe.", e.plain


def _reason(rng: random.Random, e: Event) -> tuple[str, str]:
    return f"{pick(rng, REASONS)}, hat {e.actor.nominative} {e.place} {e.accusative} {e.verb.participle}.", e.plain


def _intention(rng: random.Random, e: Event) -> tuple[str, str]:
    who = f"{capital(e.actor.nominative)}, {e.actor.relative} {pick(rng, RELATIVES)},"
    return f"{who} beabsichtigt, {e.place} {e.accusative} {e.verb.to_do}.", e.intended


def _denial(rng: random.Random, e: Event) -> tuple[str, str]:
    source = pick(rng, SOURCES)
    start = pick(rng, ("Entgegen ersten Gerüchten", "Anders als zunächst gemeldet", f"Anders als {source} meldete,"))
    return f"{start} hat {e.actor.nominative} {e.place} k{e.accusative} {e.verb.participle}.", e.denied


def _pronoun(rng: random.Random, e: Event) -> tuple[str, str]:
    start = f"{capital(e.actor.nominative)} hatte lange {pick(rng, HESITATIONS)}."
    return f"{start} Nun hat {e.actor.pronoun} {pick(rng, TIMES)} {e.place} {e.accusative} {e.verb.participle}.", e.plain


PATTERNS = (_relative, _passive, _according_to, _reported, _reason, _intention, _denial, _pronoun)
