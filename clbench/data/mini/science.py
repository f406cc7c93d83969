"""`scienceqa`: multiple choice over a small systematic science, with the reason for the choice.

What must be learned: facts about substances, units, materials and changes; rules (unlike poles attract, a right turn
from north leads east); reading values, words and creatures off the question; and to answer with the letter under which
the right option stands. Options that are made up for the question are shuffled. Those of a closed class (solid, liquid,
gas) always stand in one order, for a model of a million parameters does not learn to look up letters from a few hundred
records, and a task that it cannot learn shows no forgetting. The creatures are invented; the rest is so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini import science_facts as facts
from clbench.data.mini.draw import between, capital, chance, distinct, pick, shuffled
from clbench.data.mini.templates import SCIENCE
from clbench.data.words import science as words

if TYPE_CHECKING:
    import random


class Item(NamedTuple):
    """A question, its right option, all options in their order, and one sentence that says why."""

    question: str
    right: str
    options: tuple[str, ...]
    why: str


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt, and the letter with the reason."""
    item = pick(rng, KINDS)(rng)
    choices = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", item.options, strict=False))
    letter = "ABCD"[item.options.index(item.right)]
    return SCIENCE.format(question=item.question, choices=choices), f"{letter}\n{capital(item.why)}"


def _magnets(rng: random.Random) -> Item:
    one, two = pick(rng, words.POLES), pick(rng, words.POLES)
    name, (first, second) = pick(rng, words.NAMES), distinct(rng, words.COLORS, 2)
    right = "repel" if one == two else "attract"
    question = f"{name} holds the {one} pole of a {first} magnet to the {two} pole of a {second} one. What do they do?"
    return Item(question, right, ("attract", "repel"), f"{'like' if one == two else 'unlike'} poles {right}.")


def _state(rng: random.Random) -> Item:
    states = tuple(facts.STATES)
    right = pick(rng, states)
    thing = pick(rng, facts.STATES[right])
    question = f"{pick(rng, words.NAMES)} finds {thing} in the {pick(rng, facts.ROOMS)}. What is it?"
    return Item(question, right, states, f"{thing} is {right}.")


def _estimate(rng: random.Random) -> Item:
    quantity, things = pick(rng, words.UNITS)
    fitting, other = distinct(rng, tuple(things), 2)
    thing, number = pick(rng, things[fitting]), between(rng, 2, 12)
    right, wrong = f"{number} {fitting}", f"{number} {other}"
    question = f"{pick(rng, words.NAMES)} guesses the {quantity} of {thing}. Which guess is better?"
    return Item(question, right, tuple(shuffled(rng, (right, wrong))), f"{thing} is nearer to {right}.")


def _turn(rng: random.Random) -> Item:
    start, way, name = between(rng, 0, 3), pick(rng, tuple(words.TURNS)), pick(rng, words.NAMES)
    right = words.COMPASS[(start + words.TURNS[way]) % 4]
    question = f"{name} {pick(rng, facts.GOES)} {words.COMPASS[start]} and turns {way}. Which way does {name} go now?"
    why = f"turning {way} from {words.COMPASS[start]} leads {right}."
    return Item(question, right, tuple(words.COMPASS), why)


def _figure(rng: random.Random) -> Item:
    right, name = pick(rng, tuple(facts.FIGURES)), pick(rng, words.NAMES)
    question = f"Which figure of speech is used in this text?\n{_figure_sentence(rng, right, name)}"
    why = f"the text uses {right}: it {facts.FIGURES[right]}."
    return Item(question, right, tuple(facts.FIGURES), why)


def _figure_sentence(rng: random.Random, figure: str, name: str) -> str:
    thing, color = pick(rng, words.OBJECTS), pick(rng, words.COLORS)
    if figure == "simile":
        return f"{name}'s {color} {thing} was as {pick(rng, facts.LIKENESSES)} as a {pick(rng, words.OBJECTS)}."
    if figure == "alliteration":
        return f"{capital(' '.join(pick(rng, facts.ALLITERATION)))}, said {name} by the {thing}."
    if figure == "personification":
        return f"The {color} {thing} {pick(rng, facts.HUMAN_ACTS)} at {name}."
    return f"{pick(rng, facts.SOUNDS)}! {name} dropped the {color} {thing}."


def _creatures(rng: random.Random, count: int) -> list[str]:
    """Invented names that share no syllable."""
    parts = distinct(rng, words.SYLLABLES, 2 * count)
    return [first + second for first, second in zip(parts[::2], parts[1::2], strict=True)]


def _habitat(rng: random.Random) -> Item:
    right = pick(rng, tuple(facts.TRAITS))
    trait = pick(rng, facts.TRAITS[right])
    question = f"The {_creatures(rng, 1)[0]} has {trait}. Where does it live?"
    return Item(question, right, tuple(facts.TRAITS), f"with {trait}, it lives {right}.")


def _compare(rng: random.Random) -> Item:
    noun, quantity, unit, most, least = pick(rng, words.SCALES)
    count = between(rng, 2, 4)
    colors, values = distinct(rng, words.COLORS, count), distinct(rng, range(2, 100), count)
    wanted, best = (most, max(values)) if chance(rng, 0.5) else (least, min(values))
    options = [f"the {color} {noun}" for color in colors]
    right = options[values.index(best)]
    listed = ", ".join(f"{option} {value} {unit}" for option, value in zip(options, values, strict=True))
    question = f"Compare the {quantity}: {listed}. Which is the {wanted}?"
    return Item(question, right, tuple(options), f"{right} has {best} {unit}, the {wanted}.")


def _tense(rng: random.Random) -> Item:
    (base, past), right = pick(rng, words.VERBS), pick(rng, ("past", "present", "future"))
    third = f"{base}es" if base.endswith(("sh", "ch")) else f"{base}s"
    verb = {"past": past, "present": third, "future": f"will {base}"}[right]
    sentence = f"{pick(rng, words.NAMES)} {verb} the {pick(rng, words.COLORS)} {pick(rng, words.OBJECTS)}."
    question = f"Which tense does the sentence use?\n{sentence}"
    tenses = ("past tense", "present tense", "future tense")
    return Item(question, f"{right} tense", tenses, f"{verb} is in the {right} tense.")


def _alphabet(rng: random.Random) -> Item:
    names = distinct(rng, facts.INITIALS, between(rng, 2, 4))
    wanted, right = ("first", min(names)) if chance(rng, 0.5) else ("last", max(names))
    question = f"Which name comes {wanted} in the alphabet?"
    return Item(question, right, tuple(names), f"{right} comes {wanted}, for it begins with {right[0]}.")


def _conductor(rng: random.Random) -> Item:
    metal, other = pick(rng, words.METALS), distinct(rng, words.INSULATORS, between(rng, 1, 2))
    right, wrong = (
        f"a {metal} {pick(rng, facts.SHAPES)}",
        tuple(f"a {stuff} {pick(rng, facts.SHAPES)}" for stuff in other),
    )
    question = (
        f"{pick(rng, words.NAMES)} wires up a {pick(rng, words.COLORS)} lamp. Which object lets electricity pass?"
    )
    return Item(question, right, tuple(shuffled(rng, (right, *wrong))), f"{right} does, for {metal} is a metal.")


def _force(rng: random.Random) -> Item:
    right, verbs, way = pick(rng, (("a push", words.PUSHES, "away from"), ("a pull", words.PULLS, "towards")))
    verb, name = pick(rng, verbs), pick(rng, words.NAMES)
    question = f"{name} {verb} a {pick(rng, words.COLORS)} {pick(rng, words.OBJECTS)}. Which kind of force is this?"
    return Item(question, right, ("a pull", "a push"), f"{name} {verb} it {way} the body, which is {right}.")


def _change(rng: random.Random) -> Item:
    kinds = (("physical", words.PHYSICAL, "keeps"), ("chemical", words.CHEMICAL, "changes"))
    right, actions, does = pick(rng, kinds)
    action, stuff = pick(rng, actions), pick(rng, words.MATTER)
    question = (
        f"{pick(rng, words.NAMES)} is {action} {stuff} in the {pick(rng, facts.ROOMS)}. What kind of change is this?"
    )
    why = f"{action} {does} the substance, so this is a {right} change."
    return Item(question, f"a {right} change", ("a chemical change", "a physical change"), why)


def _food_chain(rng: random.Random) -> Item:
    low, middle, high = _creatures(rng, 3)
    clauses = shuffled(rng, (f"The {middle} eats the {low}.", f"The {high} eats the {middle}."))
    hunter, prey, asked = pick(rng, ((middle, low, 0), (middle, low, 1), (high, middle, 0), (high, middle, 1)))
    question = f"{' '.join(clauses)} {'Who hunts the ' + prey if asked else 'What does the ' + hunter + ' eat'}?"
    right = f"the {hunter if asked else prey}"
    options = tuple(f"the {creature}" for creature in shuffled(rng, (low, middle, high)))
    return Item(question, right, options, f"the {hunter} eats the {prey}.")


KINDS = (  # those that the bundled model learns from a few hundred records stand more often
    _figure, _figure, _figure, _habitat, _habitat, _habitat, _change, _change,
    _magnets, _state, _estimate, _turn, _compare, _tense, _alphabet, _conductor, _force, _food_chain,
)  # fmt: skip
