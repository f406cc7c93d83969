"""Central-bank prose and its leaning: do the sentences speak for tighter money, for easier money, or for neither.

A direction and an object decide together (more inflation is hawkish, more unemployment dovish), negation turns it
round. The nouns and verbs are those of `mini`; sentences, instructions and label words are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import policy as w
from clbench.tiny.world import opinions as o
from clbench.tiny.world.record import Item
from clbench.tiny.world.stance import asked

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

FRAMES = (
    "Does the bank lean to higher or lower rates? {o}\n{x}\nLeaning:",
    "{x}\nHow does this sound? {o}\nAnswer:",
    "Central bank note: {x}\nPick one: {o}\nPick:",
    "Judge the tone on interest rates. {o}\nNote: {x}\nTone:",
)
LABELS = (("hawkish", "dovish", "neutral"), ("higher", "lower", "unchanged"), ("tight", "easy", "neutral"))
SIGNS = (1, -1, 0)
"""What each label wants: +1 is tighter money, -1 easier money."""


def _series(want: int, rng: Dice, *, form: int = 0) -> tuple[str, str]:
    """Something measured and where it goes, so that together they have the wanted sign (form 1: base form)."""
    noun, sign = rng.choice(w.SERIES)
    return noun, rng.choice(w.MOVES[want * sign])[form]


def _act(want: int, rng: Dice) -> str:
    """Something that is done with a tool of the bank."""
    tool, sign = rng.choice(w.TOOLS)
    return f"{rng.choice(w.ACTS[want * sign])} {tool}" if want else rng.choice(w.KEEP).format(tool)


def _figures(want: int, rng: Dice) -> str:
    noun, past = _series(want, rng)
    return f"{rng.choice(o.POLICY_OPENERS)} {noun} {past} {rng.choice(o.POLICY_WHEN)}"


def _forecast(want: int, rng: Dice) -> str:
    noun, base = _series(want, rng, form=1)
    return rng.choice(("We think that {n} will {b}", "Next year {n} will {b}", "{n} may {b} soon")).format(
        n=noun, b=base
    )


def _missed(want: int, rng: Dice) -> str:
    if not want:
        return f"{rng.choice(w.SERIES)[0]} did not change {rng.choice(o.POLICY_WHEN)}"
    noun, base = _series(-want, rng, form=1)
    return rng.choice(
        ("{n} did not {b}", "It was thought that {n} would {b}, but it did not", "{n} failed to {b}")
    ).format(n=noun, b=base)


def _contrast(want: int, rng: Dice) -> str:
    noun, past = _series(want, rng)
    other, moved = _series(rng.choice(SIGNS), rng)
    return rng.choice(("Though {o} {m}, {n} {p}", "{o} {m}, but {n} {p}")).format(o=other, m=moved, n=noun, p=past)


def _decision(want: int, rng: Dice) -> str:
    return rng.choice(
        ("We will {a}", "It is time to {a}", "The bank will {a} soon", "They decided to {a}", "The plan is to {a}")
    ).format(a=_act(want, rng))


def _refusal(want: int, rng: Dice) -> str:
    if not want:
        return f"We will neither raise nor lower {rng.choice(w.TOOLS)[0]}"
    return rng.choice(("We should not {a}", "It is too early to {a}", "It would be a mistake to {a}")).format(
        a=_act(-want, rng)
    )


def _rather(want: int, rng: Dice) -> str:
    other = rng.choice([sign for sign in SIGNS if sign != want])
    return rng.choice(("Rather than {b}, they will {a}", "Some want to {b}, but we will {a}")).format(
        a=_act(want, rng), b=_act(other, rng)
    )


def _talk(want: int, rng: Dice) -> str:
    first = f"The bank held a talk on {rng.choice(w.TOPICS)}"
    return first if not want else f"{first}; {_figures(want, rng)}"


SENTENCES = (_figures, _figures, _forecast, _missed, _contrast, _decision, _decision, _refusal, _rather, _talk)


def note(rng: Dice) -> Item:
    """A sentence or two of a central bank and which way they lean."""
    right = rng.randrange(3)
    text = rng.choice(SENTENCES)(SIGNS[right], rng)
    text = text[0].upper() + text[1:] + "."
    if rng.random() < 0.2:
        text = f"{_talk(0, rng)}. {text}"
    listed, answer = asked(rng.choice(LABELS), right=right, comma=", ", rng=rng)
    return Item(key=text, prompt=rng.choice(FRAMES).format(x=text, o=listed), answer=answer)
