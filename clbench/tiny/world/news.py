"""German news of the invented towns, with one-line summaries in plainer words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.tiny.world.entities import names
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
PLACES = (
    "am Bahnhof",
    "an der Hauptstraße",
    "im Stadtpark",
    "beim Rathaus",
    "in der Altstadt",
    "am Seeufer",
    "vor der Schule",
    "im Hafen",
)
EVENTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (
            "In {t} hat es am {d} {p} gebrannt.",
            "Der Brand brach am {d} {p} in {t} aus.",
            "Die Feuerwehr musste am {d} {p} in {t} ein Feuer löschen.",
        ),
        "In {t} gab es am {d} ein Feuer. {n} Personen wurden verletzt.",
    ),
    (
        (
            "Bei einem Unfall sind am {d} {p} in {t} zwei Autos zusammengestoßen.",
            "Am {d} kam es {p} in {t} zu einem Unfall mit zwei Autos.",
        ),
        "In {t} gab es am {d} einen Unfall. {n} Personen wurden verletzt.",
    ),
    (
        (
            "Unbekannte sind am {d} {p} in {t} in ein Geschäft eingebrochen.",
            "Am {d} wurde {p} in {t} ein Geschäft ausgeraubt.",
        ),
        "In {t} haben Diebe am {d} ein Geschäft ausgeraubt. Die Polizei sucht sie.",
    ),
    (
        (
            "Die Firma {c} will in {t} {n} Stellen abbauen.",
            "In {t} verlieren {n} Angestellte der Firma {c} ihre Stelle.",
        ),
        "{c} streicht in {t} {n} Stellen.",
    ),
    (
        (
            "Die Firma {c} baut {p} in {t} ein neues Werk mit {n} Stellen.",
            "In {t} entsteht {p} ein neues Werk der Firma {c} mit {n} Stellen.",
        ),
        "{c} schafft in {t} {n} neue Stellen.",
    ),
    (
        (
            "Der Verein aus {t} hat am {d} sein Spiel mit {n} Toren gewonnen.",
            "Mit {n} Toren siegte der Verein aus {t} am {d} vor vielen Fans.",
        ),
        "{t} hat am {d} das Spiel gewonnen.",
    ),
    (
        (
            "Ein starkes Gewitter ist am {d} über {t} gezogen.",
            "Am {d} haben starker Regen und Wind in {t} große Schäden verursacht.",
        ),
        "In {t} gab es am {d} ein Unwetter. Viele Keller waren unter Wasser.",
    ),
    (
        ("Im Zoo von {t} ist am {d} ein {a} geboren worden.", "Am {d} kam im Zoo von {t} ein kleiner {a} zur Welt."),
        "Der Zoo in {t} hat seit {d} einen kleinen {a}.",
    ),
)
"""Ways to open the report, and the plain summary of it."""

DETAILS: tuple[tuple[str, ...], ...] = (
    (
        "{n} Personen wurden dabei verletzt und mussten ins Spital gebracht werden.",
        "Dabei wurden {n} Personen verletzt.",
    ),
    ("Wie die Polizei mitteilt, wurden {n} Personen verletzt.", "{n} Personen kamen mit Verletzungen ins Spital."),
    ("Die Polizei hat eine Untersuchung eingeleitet und sucht Zeugen.", "Die Täter konnten mit der Beute fliehen."),
    ("Grund dafür seien die hohen Kosten, sagt Direktor {w}.", "«Die Lage ist schwierig», sagt Direktor {w}."),
    ("«Wir freuen uns sehr», sagt Direktor {w}.", "Die Arbeiten sollen im nächsten Jahr beginnen."),
    ("Trainer {w} war mit seinem Team sehr zufrieden.", "«Das war ein schöner Abend», sagte Trainer {w}."),
    ("Mehrere Keller wurden überflutet, Bäume stürzten um.", "Die Feuerwehr stand die ganze Nacht im Einsatz."),
    ("Mutter und Kind seien gesund, sagt Tierarzt {w}.", "Das Jungtier kann ab nächster Woche besucht werden."),
)
"""What may follow, by event."""

FILLERS = (
    "Laut {w} waren viele Leute vor Ort.",
    "Weitere Angaben gibt es zurzeit nicht.",
    "Die Stadt will bald über die Folgen informieren.",
    "«So etwas habe ich noch nie gesehen», sagt {w}.",
    "Viele Leser haben der Redaktion Bilder geschickt.",
    "Der Verkehr wurde umgeleitet.",
    "Das bestätigt eine Sprecherin auf Anfrage.",
    "Bereits letztes Jahr war davon die Rede.",
)
FRAMES = (
    "Fasse die Nachricht in einfachen Worten zusammen.\n{x}\nKurz:",
    "Nachricht: {x}\nEinfach gesagt:",
    "{x}\nWas ist passiert?\nAntwort:",
    "Summarise this German news item.\n{x}\nIn short:",
    "Schreibe einfacher:\n{x}\nEinfach:",
)


def report(rng: Dice) -> Item:
    """A short report and its summary."""
    event, pools = rng.randrange(len(EVENTS)), names()
    slots = {
        "t": rng.choice(pools["town"]),
        "c": rng.choice(pools["company"]),
        "w": rng.choice(pools["person"]),
        "a": rng.choice(pools["animal"]),
        "d": rng.choice(DAYS),
        "p": rng.choice(PLACES),
        "n": rng.randint(2, 40),
    }
    opening, summary = rng.choice(EVENTS[event][0]), EVENTS[event][1]
    middle = [rng.choice(DETAILS[event]), *rng.sample(FILLERS, rng.randint(1, 3))]
    text = " ".join([opening, *rng.sample(middle, len(middle))]).format(**slots)
    return Item(key=text, prompt=rng.choice(FRAMES).format(x=text), answer=summary.format(**slots))
