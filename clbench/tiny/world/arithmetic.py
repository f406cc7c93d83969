"""Arithmetic on small whole numbers: bare, in words, and as something that happens to people and things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.tiny.world.lexicon import PEOPLE, THINGS, plural
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

BARE = (
    "{a} {o} {b} =",
    "Calculate {a} {o} {b}.\nResult:",
    "What is {a} {o} {b}?\nA:",
    "Compute: {a} {o} {b}\nAnswer:",
    "{a} {o} {b} 等于多少？\n答：",
    "Was ist {a} {o} {b}?\nAntwort:",
)
SIGNS = {"+": ("+", "plus"), "-": ("-", "minus"), "*": ("*", "times"), "/": ("/", "divided by")}
STORY_FRAMES = ("{s}\nA:", "Word problem: {s}\nAnswer:", "{s}\nThe answer is:", "Q: {s}\nA:")
STORIES = {
    "+": (
        "{p} has {x} and gets {b} more. How many {t} does {p} have now?",
        "{p} finds {x} and {r} finds {b}. How many {t} are there together?",
        "There are {x} in one box and {b} in another box. How many {t} are there in all?",
    ),
    "-": (
        "{p} has {x} and gives {b} to {r}. How many {t} are left?",
        "There are {x}. {p} takes {b} away. How many {t} remain?",
        "{p} had {x} and lost {b}. How many {t} does {p} still have?",
    ),
    "*": (
        "{p} has {b} bags with {x} in each bag. How many {t} does {p} have?",
        "Each of {b} children has {x}. How many {t} do they have in total?",
    ),
    "/": (
        "{p} shares {x} equally among {b} friends. How many {t} does each friend get?",
        "{p} puts {x} into {b} boxes, the same number in each. How many {t} are in one box?",
    ),
}


def operands(rng: Dice) -> tuple[str, int, int, int]:
    """Operation, both operands and the result; all of them at most 100."""
    sign = rng.weighted("+-*/", (4, 4, 3, 2))
    if sign in "+-":
        low, high = rng.choice(((1, 10), (1, 30), (1, 99)))
        a, b = rng.randint(low, high), rng.randint(low, high)
        a, b = (a, b) if sign == "+" else (max(a, b), min(a, b))
        return (sign, a, b, a + b) if sign == "+" else (sign, a, b, a - b)
    a, b = rng.randint(1, 12), rng.randint(2, 9)
    return (sign, a, b, a * b) if sign == "*" else (sign, a * b, b, a)


def bare(rng: Dice) -> Item:
    """`12 + 7 =` and its wordings."""
    sign, a, b, result = operands(rng)
    prompt = rng.choice(BARE).format(a=a, b=b, o=rng.choice(SIGNS[sign]))
    return Item(key=f"{a}{sign}{b}", prompt=prompt, answer=str(result))


def story(rng: Dice) -> Item:
    """The same sums as something that happens to people and things."""
    sign, a, b, result = operands(rng)
    (p, r), things = rng.sample(PEOPLE, 2), rng.choice(THINGS)
    told = rng.choice(STORIES[sign]).format(p=p, r=r, t=things, x=plural(a, things), b=b)
    return Item(key=f"{a}{sign}{b}", prompt=rng.choice(STORY_FRAMES).format(s=told), answer=str(result))
