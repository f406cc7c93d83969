"""German in plain words: a learned verb becomes a common one, a long sentence a short one.

People, deeds and places are `mini`'s words. Its plain sentence names the place in the middle; these put it first or
leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import german as w
from clbench.data.words.notation import phrases
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

ENDS = phrases("""
    So steht es im Bericht. | Das sagte ein Gast. | Das Wetter war gut. | Viele Leute kamen vorbei.
    Der Preis blieb geheim.
    Es gab {n} Briefe dazu. | Der Rat dankt allen. | {n} Kinder waren dabei.
""")
LONG = phrases("""
    {Place} hat {actor} nach {n} Tagen {long} {participle}. | {Long_nom} wurde {place} {agent} {participle}.
    Dass {actor} {place} {long} {participle} hat, freut viele.
    Nach langem Warten hat {actor} {long} {participle}, und zwar {place}.
    {Actor} hat, wie man hört, {long} {participle}, {place}.
""")
SHORT = ("{Actor} hat {short} {plain}.", "{Place} hat {actor} {short} {plain}.")
FRAMES = (
    ("Sag es kurz und ohne Ort.\n{x}\nKurz:", 0),
    ("{x}\nWer hat was getan?\nAntwort:", 0),
    ("Text: {x}\nIn einfachen Worten, zuerst der Ort:", 1),
    ("Say it in plain German, place first.\n{x}\nPlain:", 1),
)
WORDS = ("Einfaches Wort für „{l}“:", "Sag ein anderes Wort: {l}\nWort:", "{l} heißt einfach:")

ACCUSATIVE = {"m": ("einen", "en"), "f": ("eine", "e"), "n": ("ein", "es")}
NOMINATIVE = {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es")}
"""Article and ending of the adjective, by gender."""


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def sentence(rng: Dice) -> Item:
    """A long sentence and the short one it comes to, or just the plain word for a learned one."""
    participle, plain, to_do, infinitive, objects = rng.choice(w.DEEDS)
    if rng.random() < 0.15:
        learned, common = rng.choice(((participle, plain), (to_do, infinitive)))
        frame = rng.choice(WORDS)
        return Item(key=frame + learned, prompt=frame.format(l=learned), answer=common)
    (actor, agent, _), place = rng.choice(w.ACTORS), rng.choice(w.PLACES)
    noun, gender = rng.choice(objects.split(", ")).split()
    stem = rng.choice(w.ADJECTIVES)
    accusative, nominative = ACCUSATIVE[gender], NOMINATIVE[gender]
    slots = {
        "actor": actor,
        "Actor": _upper(actor),
        "agent": agent,
        "place": place,
        "Place": _upper(place),
        "short": f"{accusative[0]} {noun}",
        "long": f"{accusative[0]} {stem}{accusative[1]} {noun}",
        "Long_nom": f"{_upper(nominative[0])} {stem}{nominative[1]} {noun}",
        "participle": participle,
        "plain": plain,
        "n": rng.randint(2, 30),
    }
    text = " ".join([rng.choice(LONG), *rng.sample(ENDS, rng.randint(0, 2))]).format(**slots)
    frame, shape = rng.choice(FRAMES)
    return Item(key=text, prompt=frame.format(x=text), answer=SHORT[shape].format(**slots))
