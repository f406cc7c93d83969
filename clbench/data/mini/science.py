"""`scienceqa`: multiple choice over a small systematic science, with the reason for the choice.

What must be learned: facts about substances, units, materials and changes; rules (unlike poles attract, a right turn
from north leads east); reading values, words and creatures off the question; and to answer with the letter under which
the right option stands this time, for the options are shuffled. The creatures are invented; the rest is so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini.draw import between, capital, chance, distinct, phrases, pick, shuffled, table, words
from clbench.data.mini.templates import SCIENCE

if TYPE_CHECKING:
    import random

NAMES = words("""
    Ana Ben Cleo Dov Emil Fay Gus Hana Ivo June Kai Lena Milo Nora Otto Pia Quin Rosa Sven Tara Uma Vito Wren Yara Zeno
    Alma Bram Cora Dina Elio Fritz Gina Hugo Ines Joel Kira Leo Mara Nils Olga
""")
COLORS = words("red blue green gray white black brown pink")
ROOMS = words("kitchen garden shed school lab attic cellar garage hall yard")
POLES = words("north south")
STATES = {
    "solid": phrases("""
        a brass spoon | a wool sock | an ice cube | a clay pot | a gold ring | a wax candle | a brick | a glass marble
        a tin roof | a pine plank | a salt grain | a paper cup | a steel bolt | a stone | a cork
    """),
    "liquid": phrases("""
        milk | apple juice | rain water | olive oil | ink | vinegar | melted butter | hot tea | cold soup | gasoline
        nail polish | dish soap | lemonade | sea water | maple syrup
    """),
    "gas": phrases("""
        steam | helium | oxygen | the air in a tire | the air in a kite bag | nitrogen | hydrogen | neon | warm breath
        the air in a whistle | water vapor | carbon dioxide | the air in a balloon | methane | argon
    """),
}
# A quantity, and what is measured in its small and in its large unit.
UNITS = (
    ("length", {
        "centimeters": phrases("a pencil | a spoon | a shoe | a key | a fork | a leaf | a cup"),
        "kilometers": phrases("a river | a bus line | a canal | a highway | a bike race | a coast | a long hike"),
    }),
    ("mass", {
        "grams": phrases("a plum | a letter | an egg | a sock | a coin | a bun | a feather"),
        "tons": phrases("a truck | a whale | an elephant | a crane | a bus | a ship | a boulder"),
    }),
    ("volume", {
        "milliliters": phrases("a teaspoon | a spoonful | a thimble | a perfume vial | a tiny vial"),
        "liters": phrases("a bathtub | a barrel | a fish tank | a sink | a rain tub"),
    }),
    ("duration", {
        "seconds": phrases("a sneeze | a clap | a yawn | a jump | a short whistle"),
        "hours": phrases("a school day | a night's sleep | a long flight | a train trip | a night shift"),
    }),
)  # fmt: skip
COMPASS = words("north east south west")
TURNS = {"right": 1, "left": 3, "around": 2}
GOES = words("walks runs rides rows skates drives hikes crawls sails marches")
FIGURES = {
    "simile": "compares things with as",
    "alliteration": "repeats first sounds",
    "hyperbole": "is a strong exaggeration",
    "personification": "lets a thing act like a person",
    "onomatopoeia": "imitates a sound",
}
ALLITERATION = table("""
    busy | bakers | bought | butter \n tiny | turtles | tasted | tea \n silly | seals | sold | soap
    proud | pirates | painted | pots \n funny | foxes | fixed | forks \n merry | monkeys | made | masks
    great | geese | gathered | grapes \n lazy | lions | licked | lemons \n calm | cats | carried | cake
    happy | hens | hid | hats \n rude | rabbits | ripped | ribbons \n wet | wolves | wanted | wool
""")
TRAITS = {
    "in the sea": phrases("gills and fins | a flat tail and fins | a salty skin and gills | flippers"),
    "in the desert": phrases("a water hump | wide sand feet | a skin that saves water | huge ears that lose heat"),
    "on the ice": phrases("thick white fur | a layer of fat | snowshoe feet | a white coat"),
    "in the trees": phrases("a gripping tail | long climbing arms | curved hooks for bark | green feathers"),
    "under the ground": phrases("shovel paws and no eyes | digging claws | a blind pink nose | strong shovel paws"),
}
SYLLABLES = words("vel mor tash bil gron fep zul kar dim nob rav sil tor lum hax pim dro wug")
# Noun, property, unit, words for most and least.
SCALES = table("""
    cart | speed | m/s | fastest | slowest
    cup  | temperature | degrees | hottest | coldest
    box  | mass | kg | heaviest | lightest
    rope | length | m | longest | shortest
    lamp | power | watts | brightest | dimmest
""")
VERBS = table("""
    paint | painted \n wash | washed \n clean | cleaned \n visit | visited \n mend | mended \n open | opened \n pull | pulled
    lift | lifted \n touch | touched \n draw | drew \n climb | climbed \n watch | watched
""")
OBJECTS = words("fence door gate boat box cart table chair lamp drum kite wall bench ladder")
METALS, INSULATORS = words("copper steel brass silver nickel tin"), words("rubber wood glass wool clay paper")
SHAPES = words("ring key rod plate cup bar spoon cube")
PUSHES, PULLS = words("kicks shoves presses throws nudges bumps"), words("drags tows tugs hauls reels yanks")
MATTER = words("paper wood straw cloth cardboard rope bark cotton hay bread leather felt leaves twigs")
PHYSICAL, CHEMICAL = words("cutting wetting drying moving shaking pressing"), words("burning charring scorching singeing")


class Item(NamedTuple):
    """A question, its right option, wrong ones, and one sentence that says why."""

    question: str
    right: str
    wrong: tuple[str, ...]
    why: str


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt, and the letter with the reason."""
    item = pick(rng, KINDS)(rng)
    options = shuffled(rng, (item.right, *item.wrong))
    choices = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=False))
    letter = "ABCD"[options.index(item.right)]
    return SCIENCE.format(question=item.question, choices=choices), f"{letter}\n{capital(item.why)}"


def _others(rng: random.Random, options: tuple[str, ...], right: str, most: int = 3) -> tuple[str, ...]:
    """One to `most` of the other options, rather many than few."""
    rest = [option for option in options if option != right]
    count = min(most, len(rest))
    return tuple(distinct(rng, rest, max(between(rng, 1, count), between(rng, 1, count))))


def _magnets(rng: random.Random) -> Item:
    one, two = pick(rng, POLES), pick(rng, POLES)
    name, (first, second) = pick(rng, NAMES), distinct(rng, COLORS, 2)
    right, wrong = ("repel", "attract") if one == two else ("attract", "repel")
    question = f"{name} holds the {one} pole of a {first} magnet to the {two} pole of a {second} one. What do they do?"
    return Item(question, right, (wrong,), f"{'like' if one == two else 'unlike'} poles {right}.")


def _state(rng: random.Random) -> Item:
    right = pick(rng, tuple(STATES))
    thing = pick(rng, STATES[right])
    question = f"{pick(rng, NAMES)} finds {thing} in the {pick(rng, ROOMS)}. What is it?"
    return Item(question, f"a {right}", _others(rng, ("a solid", "a liquid", "a gas"), f"a {right}"), f"{thing} is a {right}.")


def _estimate(rng: random.Random) -> Item:
    quantity, things = pick(rng, UNITS)
    fitting, other = distinct(rng, tuple(things), 2)
    thing, number = pick(rng, things[fitting]), between(rng, 2, 12)
    right, wrong = f"{number} {fitting}", f"{number} {other}"
    question = f"{pick(rng, NAMES)} guesses the {quantity} of {thing}. Which guess is better?"
    return Item(question, right, (wrong,), f"{thing} is nearer to {right}.")


def _turn(rng: random.Random) -> Item:
    start, way, name = between(rng, 0, 3), pick(rng, tuple(TURNS)), pick(rng, NAMES)
    right = COMPASS[(start + TURNS[way]) % 4]
    question = f"{name} {pick(rng, GOES)} {COMPASS[start]} and turns {way}. Which way does {name} go now?"
    why = f"turning {way} from {COMPASS[start]} leads {right}."
    return Item(question, right, _others(rng, COMPASS, right), why)


def _figure(rng: random.Random) -> Item:
    right, name = pick(rng, tuple(FIGURES)), pick(rng, NAMES)
    sentence = _figure_sentence(rng, right, name)
    question = f"Which figure of speech is used in this text?\n{sentence}"
    return Item(question, right, _others(rng, tuple(FIGURES), right), f"the text uses {right}: it {FIGURES[right]}.")


def _figure_sentence(rng: random.Random, figure: str, name: str) -> str:
    thing, color = pick(rng, OBJECTS), pick(rng, COLORS)
    if figure == "simile":
        return f"{name}'s {color} {thing} was as {pick(rng, words('old flat cold loud slow'))} as a {pick(rng, OBJECTS)}."
    if figure == "alliteration":
        letter = pick(rng, ALLITERATION)
        return f"{capital(letter[0])} {letter[1]} {letter[2]} {letter[3]}, said {name} by the {thing}."
    if figure == "hyperbole":
        return f"{name} has seen that {color} {thing} a {pick(rng, words('million billion trillion'))} times."
    if figure == "personification":
        return f"The {color} {thing} {pick(rng, words('sighed smiled waved wept sulked laughed'))} at {name}."
    return f"{pick(rng, words('Bang Splash Crash Thud Clang Boom'))}! {name} dropped the {color} {thing}."


def _creatures(rng: random.Random, count: int) -> list[str]:
    """Invented names that share no syllable."""
    parts = distinct(rng, SYLLABLES, 2 * count)
    return [first + second for first, second in zip(parts[::2], parts[1::2], strict=True)]


def _habitat(rng: random.Random) -> Item:
    right = pick(rng, tuple(TRAITS))
    trait = pick(rng, TRAITS[right])
    question = f"The {_creatures(rng, 1)[0]} has {trait}. Where does it live?"
    return Item(question, right, _others(rng, tuple(TRAITS), right), f"with {trait}, it lives {right}.")


def _compare(rng: random.Random) -> Item:
    noun, quantity, unit, most, least = pick(rng, SCALES)
    count = between(rng, 2, 4)
    colors, values = distinct(rng, COLORS, count), distinct(rng, range(2, 100), count)
    wanted, best = (most, max(values)) if chance(rng, 0.5) else (least, min(values))
    options = [f"the {color} {noun}" for color in colors]
    right = options[values.index(best)]
    listed = ", ".join(f"{option} {value} {unit}" for option, value in zip(options, values, strict=True))
    question = f"Compare the {quantity}: {listed}. Which is the {wanted}?"
    return Item(question, right, tuple(o for o in options if o != right), f"{right} has {best} {unit}, the {wanted}.")


def _tense(rng: random.Random) -> Item:
    (base, past), right = pick(rng, VERBS), pick(rng, words("past present future"))
    third = f"{base}es" if base.endswith(("sh", "ch")) else f"{base}s"
    verb = {"past": past, "present": third, "future": f"will {base}"}[right]
    question = f"Which tense does the sentence use?\n{pick(rng, NAMES)} {verb} the {pick(rng, COLORS)} {pick(rng, OBJECTS)}."
    tenses = ("past tense", "present tense", "future tense")
    return Item(question, f"{right} tense", _others(rng, tenses, f"{right} tense"), f"{verb} is in the {right} tense.")


def _alphabet(rng: random.Random) -> Item:
    pool = NAMES[:25]  # their first letters differ
    names = distinct(rng, pool, between(rng, 2, 4))
    wanted, right = ("first", min(names)) if chance(rng, 0.5) else ("last", max(names))
    question = f"Which name comes {wanted} in the alphabet?"
    return Item(question, right, tuple(n for n in names if n != right), f"{right} comes {wanted}, for it begins with {right[0]}.")


def _conductor(rng: random.Random) -> Item:
    metal, other = pick(rng, METALS), distinct(rng, INSULATORS, between(rng, 1, 2))
    right, wrong = f"a {metal} {pick(rng, SHAPES)}", tuple(f"a {stuff} {pick(rng, SHAPES)}" for stuff in other)
    question = f"{pick(rng, NAMES)} wires up a {pick(rng, COLORS)} lamp. Which object lets electricity pass?"
    return Item(question, right, wrong, f"{right} does, for {metal} is a metal.")


def _force(rng: random.Random) -> Item:
    kinds = (("a push", "a pull", PUSHES, "away from"), ("a pull", "a push", PULLS, "towards"))
    right, wrong, verbs, way = pick(rng, kinds)
    verb, name = pick(rng, verbs), pick(rng, NAMES)
    question = f"{name} {verb} a {pick(rng, COLORS)} {pick(rng, OBJECTS)}. Which kind of force is this?"
    return Item(question, right, (wrong,), f"{name} {verb} it {way} the body, which is {right}.")


def _change(rng: random.Random) -> Item:
    kinds = (("physical", PHYSICAL, "keeps"), ("chemical", CHEMICAL, "changes"))
    right, actions, does = pick(rng, kinds)
    action, stuff = pick(rng, actions), pick(rng, MATTER)
    question = f"{pick(rng, NAMES)} is {action} {stuff} in the {pick(rng, ROOMS)}. What kind of change is this?"
    wrong = "chemical" if right == "physical" else "physical"
    why = f"{action} {does} the substance, so this is a {right} change."
    return Item(question, f"a {right} change", (f"a {wrong} change",), why)


def _food_chain(rng: random.Random) -> Item:
    low, middle, high = _creatures(rng, 3)
    clauses = shuffled(rng, (f"The {middle} eats the {low}.", f"The {high} eats the {middle}."))
    hunter, prey, asked = pick(rng, ((middle, low, 0), (middle, low, 1), (high, middle, 0), (high, middle, 1)))
    question = f"{' '.join(clauses)} {'Who hunts the ' + prey if asked else 'What does the ' + hunter + ' eat'}?"
    right = f"the {hunter if asked else prey}"
    wrong = tuple(f"the {c}" for c in (low, middle, high) if f"the {c}" != right)
    return Item(question, right, wrong, f"the {hunter} eats the {prey}.")


KINDS = (
    _magnets, _state, _estimate, _turn, _figure, _habitat, _compare, _tense,
    _alphabet, _conductor, _force, _change, _food_chain,
)  # fmt: skip
