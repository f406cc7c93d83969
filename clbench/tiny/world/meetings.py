"""English council meetings with a one-line summary: who moves what and what becomes of it, among phrases of procedure.

Things, places and rules are `mini`'s words; how the people talk and how the summaries read is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import council as w
from clbench.data.words.notation import phrases
from clbench.tiny.world.entities import names
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

ACTS = ("approve", "reject", "discuss", "amend", "review", "support")
OPENERS = phrases("""
    Good evening, the council of {t} will come to order. | Welcome to the council of {t}.
    We are back in session in {t}.
    This is the council of {t}.
""")
MOVES = phrases("""
    {m} wants to {a} {s}, item {n}. | Now item {n}. {m} proposes to {a} {s}. | {m} has a proposal: to {a} {s}.
    Item {n} is a plan to {a} {s}, brought by {m}.
""")
TALK = phrases("""
    Thank you, {w}. | Is there any public comment? | I see no hands. | {w} has asked for the floor.
    {w} wants to add a word.
    I want to thank the staff. | Are there any questions? | We had a long talk last week. | It cost ${c},000 last year.
    The neighbours were heard. | The report is in your folder. | {w} is late today.
""")
VOTES = {
    "agreed": phrases("{y} for, {z} against. | The ayes have it. | That is a yes. | {y} ayes and {z} nays."),
    "refused": phrases("{z} for, {y} against. | The nays have it. | That is a no. | {z} ayes and {y} nays."),
    "put off": phrases("We decide next month. | We will come back to this. | Not today."),
}
FRAMES = (
    "Sum up the council session in one line.\n{x}\nIn one line:",
    "Minutes: {x}\nWhat was decided?\nDecision:",
    "{x}\nOne-line summary:",
    "Read the talk and note the main point.\n{x}\nNote:",
)
SUMMARIES = ("{m} wants to {a} {s}: {r}.", "The council of {t} {r}: to {a} {s} ({m}).")


def _business(rng: Dice) -> str:
    """What is to be decided: money for a thing somewhere, or a rule somewhere."""
    place = rng.choice(w.PLACES)
    if rng.random() < 0.4:
        return f"{rng.choice(w.RULES)} {place}"
    amount = f"${rng.randint(2, 98)},000 for " if rng.random() < 0.6 else ""
    return f"{amount}{rng.choice(w.THINGS)} {place}"


def session(rng: Dice) -> Item:
    """One item of business; the frame decides between the two shapes of a summary."""
    people = rng.sample((*w.NAMES, *names()["person"]), 2)
    result = rng.choice(tuple(VOTES))
    slots = {
        "t": rng.choice(names()["town"]),
        "m": people[0],
        "w": people[1],
        "a": rng.choice(ACTS),
        "s": _business(rng),
        "r": result,
        "n": rng.randint(1, 40),
        "y": rng.randint(5, 9),
        "z": rng.randint(0, 4),
        "c": rng.randint(2, 98),
    }
    talk = rng.sample(TALK, rng.randint(0, 3))
    half = rng.randint(0, len(talk))
    parts = [rng.choice(OPENERS), *talk[:half], rng.choice(MOVES), *talk[half:], rng.choice(VOTES[result])]
    text = " ".join(parts).format(**slots)
    shape = rng.randrange(len(FRAMES))
    return Item(key=text, prompt=FRAMES[shape].format(x=text), answer=SUMMARIES[shape % 2].format(**slots))
