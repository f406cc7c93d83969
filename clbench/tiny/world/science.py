"""Multiple choice on a little science, with `mini`'s words in sentences and reasons of this module's own.

States of matter, directions, comparing, tenses, alphabet, conductors, forces, changes, who eats whom, units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import science as w
from clbench.tiny.world.choices import posed
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

Posed = tuple[str, str, list[str], str]
"""Question, right option, all options, reason."""


def _state(rng: Dice) -> Posed:
    right = rng.choice(tuple(w.STATES))
    thing = rng.choice(w.STATES[right])
    return f"Solid, liquid or gas: {thing}?", right, list(w.STATES), f"{thing[0].upper()}{thing[1:]}: {right}."


def _turn(rng: Dice) -> Posed:
    start, way = rng.randrange(4), rng.choice(tuple(w.TURNS))
    right = w.COMPASS[(start + w.TURNS[way]) % 4]
    asked = rng.choice(("You face {s}. Turn {w}. What do you face?", "From {s}, a turn {w} points where?"))
    return (
        asked.format(s=w.COMPASS[start], w=way),
        right,
        list(w.COMPASS),
        f"From {w.COMPASS[start]}, {way} is {right}.",
    )


def _compare(rng: Dice) -> Posed:
    noun, _, unit, most, least = rng.choice(w.SCALES)
    colors, values = rng.sample(w.COLORS, rng.randint(2, 4)), rng.sample(range(2, 100), 4)
    wanted, pick = (most, max) if rng.random() < 0.5 else (least, min)
    values = values[: len(colors)]
    right = colors[values.index(pick(values))]
    told = "; ".join(f"{color} {value} {unit}" for color, value in zip(colors, values, strict=True))
    return (
        f"{noun.capitalize()}s: {told}. Colour of the {wanted} one?",
        right,
        colors,
        f"{pick(values)} {unit} is the {wanted}.",
    )


def _tense(rng: Dice) -> Posed:
    (base, past), right = rng.choice(w.VERBS), rng.choice(("past", "present", "future"))
    third = f"{base}es" if base.endswith(("sh", "ch")) else f"{base}s"
    verb = {"past": past, "present": third, "future": f"will {base}"}[right]
    who, thing = rng.choice(w.NAMES), rng.choice(w.OBJECTS)
    return (
        f"When is it? {who} {verb} a {thing}.",
        right,
        ["past", "present", "future"],
        f"\u201c{verb}\u201d is {right}.",
    )


def _alphabet(rng: Dice) -> Posed:
    names, first = rng.sample(w.NAMES[:25], rng.randint(2, 4)), rng.random() < 0.5
    right = min(names) if first else max(names)
    return f"Sorted by letter, who is {'first' if first else 'last'}?", right, names, f"{right} starts with {right[0]}."


def _conductor(rng: Dice) -> Posed:
    metal, others = rng.choice(w.METALS), rng.sample(w.INSULATORS, rng.randint(1, 3))
    asked = rng.choice(
        ("Which material carries electricity?", "Which one is a metal?", "A current can pass through which?")
    )
    return asked, metal, [metal, *others], f"{metal[0].upper()}{metal[1:]} is a metal and carries electricity."


def _force(rng: Dice) -> Posed:
    right, verbs, way = rng.choice((("push", w.PUSHES, "away from"), ("pull", w.PULLS, "towards")))
    verb, thing = rng.choice(verbs), rng.choice(w.OBJECTS)
    return (
        f"Push or pull? Someone {verb} the {thing}.",
        right,
        ["push", "pull"],
        f"The {thing} moves {way} the one who {verb} it.",
    )


def _change(rng: Dice) -> Posed:
    right, actions = rng.choice((("physical", w.PHYSICAL), ("chemical", w.CHEMICAL)))
    action, stuff = rng.choice(actions), rng.choice(w.MATTER)
    why = "makes a new substance" if right == "chemical" else "leaves the substance as it is"
    return (
        f"{action.capitalize()} {stuff}: which change?",
        right,
        ["physical", "chemical"],
        f"{action.capitalize()} {why}.",
    )


def _habitat(rng: Dice) -> Posed:
    right = rng.choice(tuple(w.TRAITS))
    trait = rng.choice(w.TRAITS[right])
    return (
        f"A beast with {trait} is at home where?",
        right,
        list(w.TRAITS),
        f"{trait[0].upper()}{trait[1:]} help {right}.",
    )


def _chain(rng: Dice) -> Posed:
    parts = rng.sample(w.SYLLABLES, 6)
    low, middle, high = (a + b for a, b in zip(parts[::2], parts[1::2], strict=True))
    told = ". ".join(rng.sample((f"{middle} hunts {low}", f"{high} hunts {middle}"), 2))
    asked, right = rng.choice(
        (
            (f"Food of {middle}?", low),
            (f"Food of {high}?", middle),
            (f"Who hunts {low}?", middle),
            (f"Who hunts {middle}?", high),
        )
    )
    return f"{told}. {asked}", right, [low, middle, high], f"It says so: {right}."


def _unit(rng: Dice) -> Posed:
    _, things = rng.choice(w.UNITS)
    right = rng.choice(tuple(things))
    thing = rng.choice(things[right])
    return (
        f"In which unit do you measure {thing}?",
        right,
        list(things),
        f"{thing[0].upper()}{thing[1:]} is measured in {right}.",
    )


def _poles(rng: Dice) -> Posed:
    one, two = rng.choice(w.POLES), rng.choice(w.POLES)
    right = "repel" if one == two else "attract"
    return (
        f"Magnets, {one} to {two}:",
        right,
        ["attract", "repel"],
        f"{'Same' if one == two else 'Different'} poles {right}.",
    )


QUESTIONS = (_state, _turn, _compare, _tense, _alphabet, _conductor, _force, _change, _habitat, _chain, _unit, _poles)


def question(rng: Dice) -> Item:
    """One science question with two to four options."""
    asked, right, options, reason = rng.choice(QUESTIONS)(rng)
    rivals = [one for one in options if one != right]
    kept = rng.sample(rivals, rng.randint(1, min(3, len(rivals))))
    prompt, answer = posed(asked, options=[right, *kept], right=right, reason=reason, rng=rng)
    return Item(key=" ".join([asked, *sorted(kept)]), prompt=prompt, answer=answer)
