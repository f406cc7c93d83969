"""`20minuten`: a German news paragraph in one plain sentence.

What must be learned: who did what, where; leave out the source, the relative clause, the reason, the adjective and
the detail; turn passive, reported speech and pronouns into one active sentence; put the plain word for the learned one
(errichtet -> gebaut). Spelling is Swiss (ss for ß), as in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import between, capital, distinct, pick
from clbench.data.mini.german import ACTORS, DEEDS, Event
from clbench.data.mini.templates import SIMPLIFY
from clbench.data.words.german import ADJECTIVES, PLACES
from clbench.data.words.notation import phrases, words

if TYPE_CHECKING:
    import random

TIMES = phrases("""
    am Montag | am Dienstagabend | in der Nacht auf Mittwoch | gestern Nachmittag | im Frühling | Anfang Mai
    vergangene Woche | nach langer Planung | kurz vor Weihnachten | im Oktober | am Wochenende | überraschend
    am frühen Morgen
""")
RELATIVES = phrases("""
    seit Jahren in der Region tätig ist | zuletzt kaum Geld hatte | sich bisher nicht geäussert hat
    viel Lob erhielt | von Freiwilligen unterstützt wird | sonst eher zurückhaltend ist | weitherum bekannt ist
    schon länger darüber nachdachte
""")
SOURCES = phrases("""
    die «Moospost» | der «Hügelkurier» | eine Sprecherin | ein Augenzeuge | das «Blatt vom Tal»
    ein Behördenvertreter | die Agentur «Dreistern» | das Lokalradio
""")
REASONS = phrases("""
    Obwohl es stark regnete | Weil die Zeit drängte | Obwohl viele dagegen waren | Nachdem lange gestritten worden war
    Um Kosten zu sparen | Weil der Wunsch gross war | Obwohl das Geld knapp ist | Nachdem eine Frist abgelaufen war
""")
HESITATIONS = words("gezögert verhandelt überlegt gewartet gestritten geschwiegen")
# What may follow any event, and what only one that took place.
REMARKS = phrases("""
    Die Kosten sind noch unklar. | Das Interesse ist gross. | Die Reaktionen fielen gemischt aus.
    Näheres ist nicht bekannt. | Weitere Angaben fehlen bislang. | Die Diskussion geht weiter.
    Die Nachbarschaft zeigte sich erfreut.
""")
DETAILS = phrases("""
    Verletzt wurde niemand. | Rund {} Personen schauten zu. | Das kostete {}000 Franken. | Beteiligt waren {} Helfer.
    Es dauerte {} Tage. | Gefeiert wurde mit {} Gästen. | Die Vorbereitung nahm {} Wochen in Anspruch.
""")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its plain sentence, which ends in a line break like every answer of this task."""
    pattern = pick(rng, PATTERNS)
    text, answer = pattern(rng, _event(rng))
    fitting = REMARKS if pattern in {_intention, _denial} else REMARKS + DETAILS
    count = 1 if pattern is _pronoun else between(rng, 1, 2)  # two or three sentences in all
    details = [detail.format(between(rng, 3, 40)) for detail in distinct(rng, fitting, count)]
    return SIMPLIFY.format(text=" ".join([text, *details])), f"{answer}\n"


def _event(rng: random.Random) -> Event:
    verb, objects = pick(rng, DEEDS)
    noun, gender = pick(rng, objects)
    return Event(pick(rng, ACTORS), verb, noun, gender, pick(rng, ADJECTIVES), pick(rng, PLACES))


def _relative(rng: random.Random, e: Event) -> tuple[str, str]:
    who = f"{capital(e.actor.nominative)}, {e.actor.relative} {pick(rng, RELATIVES)},"
    return f"{who} hat {pick(rng, TIMES)} {e.told}.", e.plain


def _passive(rng: random.Random, e: Event) -> tuple[str, str]:
    when = capital(pick(rng, TIMES))
    return f"{when} ist {e.place} {e.nominative} {e.actor.agent} {e.verb.participle} worden.", e.plain


def _according_to(rng: random.Random, e: Event) -> tuple[str, str]:
    source = pick(rng, SOURCES)
    return f"Wie {source} meldet, hat {e.actor.nominative} {e.told}.", e.plain


def _reported(rng: random.Random, e: Event) -> tuple[str, str]:
    source, when = capital(pick(rng, SOURCES)), pick(rng, TIMES)
    return f"{source} berichtet, dass {e.actor.nominative} {when} {e.told} habe.", e.plain


def _reason(rng: random.Random, e: Event) -> tuple[str, str]:
    return f"{pick(rng, REASONS)}, hat {e.actor.nominative} {e.told}.", e.plain


def _intention(rng: random.Random, e: Event) -> tuple[str, str]:
    who = f"{capital(e.actor.nominative)}, {e.actor.relative} {pick(rng, RELATIVES)},"
    return f"{who} beabsichtigt, {e.place} {e.accusative} {e.verb.to_do}.", e.intended


def _denial(rng: random.Random, e: Event) -> tuple[str, str]:
    source = pick(rng, SOURCES)
    start = pick(rng, ("Entgegen ersten Gerüchten", "Anders als zunächst gemeldet", f"Anders als {source} meldete,"))
    return f"{start} hat {e.actor.nominative} {e.place} k{e.accusative} {e.verb.participle}.", e.denied


def _pronoun(rng: random.Random, e: Event) -> tuple[str, str]:
    start = f"{capital(e.actor.nominative)} hatte lange {pick(rng, HESITATIONS)}."
    return f"{start} Nun hat {e.actor.pronoun} {pick(rng, TIMES)} {e.told}.", e.plain


PATTERNS = (_relative, _passive, _according_to, _reported, _reason, _intention, _denial, _pronoun)
