"""Numbers with a meaning: parts of common things, proportions, physics in one step, weekdays and months.

The things and facts are `mini`'s words; the sentences and instructions are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import numbers, physics
from clbench.data.words.notation import phrases
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

FRAMES = ("{s}\nA:", "Word problem: {s}\nAnswer:", "{s}\nThe answer is:", "Q: {s}\nA:", "Task: {s}\nResult:")
PARTS = phrases("""
    One {w} has {k} {p}. How many {p} do {n} {ws} have? | How many {p} are there with {n} {ws}?
    {n} {ws}: how many {p} in all?
    Give the number of {p} of {n} {ws}.
""")
WHOLES = phrases("""
    There are {t} {p}. How many {ws} do they belong to? | {t} {p} make how many {ws}?
    I see {t} {p} of {ws}. How many {ws}?
""")
LESS = phrases(
    "A {w} has its {p}. Take {m} away. How many stay? | Of all {p} of one {w}, {m} are gone. How many are there still?"
)
PRODUCTS = phrases("""
    {x} makes {a} m each second. How many m in {b} seconds? | {x} weighs {a} kg. How much do {b} of them weigh?
    One box holds {a} kg of {s}. How many kg do {b} boxes hold?
    {b} bags of {s} cost {a} dollars each. What is the price?
    A field is {a} m by {b} m. What is its area? | {s}: {a} grams a spoon, {b} spoons. How many grams?
    Force is mass times acceleration: {a} kg, {b} m/s2. Force?
    Voltage is current times resistance: {a} A, {b} ohm. Voltage?
    Power is voltage times current: {a} V, {b} A. Power? | Energy is power times time: {a} W, {b} s. Energy?
    {x} is bought {b} times for {a} coins. How many coins is that?
    Momentum is mass times speed: {a} kg, {b} m/s. Momentum?
""")
QUOTIENTS = phrases("""
    {x} makes {c} m in {b} seconds. How many m each second? | {c} kg of {s} fill {b} boxes. How many kg in one?
    {b} bags of {s} cost {c} dollars. What does one cost? | Speed is distance by time: {c} m, {b} s. Speed?
    Density is mass by volume: {c} g, {b} cm3. Density? | Resistance is voltage by current: {c} V, {b} A. Resistance?
    A force of {c} N moves {b} kg. Acceleration? | {x} goes {c} km with {b} km each hour. Hours?
""")
SUMS = phrases("""
    {x} of {a} kg carries {b} kg of {s}. Mass together?
    {s} of {a} degrees is heated by {b} degrees. How hot is it now?
    Two forces of {a} N and {b} N act the same way. Sum? | {x} goes {a} m and then {b} m. How many m in all?
""")
DIFFERENCES = phrases("""
    {s} of {c} degrees cools down by {b} degrees. How hot is it now?
    Of {c} g of {s}, {b} g are used. How many g remain?
    {x} drops from {c} m/s to {b} m/s. What is the difference?
    Forces of {c} N and {b} N act against each other. Net force?
""")
MASSES = phrases("What do {f} weigh together? | Weigh this: {f}. | Add up the weights of {f}.")


def parts(rng: Dice) -> Item:
    """How many legs five dogs have, how many dogs there are to twenty legs, how many are left of one dog's."""
    part, _, whole, wholes, each = rng.choice(numbers.FACTS)
    many, pick = rng.randint(2, 9 if int(each) <= 12 else 4), rng.random()
    slots = {"p": part, "w": whole, "ws": wholes, "k": each, "n": many, "t": many * int(each)}
    if pick < 0.5:
        told, answer = rng.choice(PARTS), many * int(each)
    elif pick < 0.8:
        told, answer = rng.choice(WHOLES), many
    else:
        taken = rng.randint(1, min(int(each) - 1, 20))
        told, answer, slots["m"] = rng.choice(LESS), int(each) - taken, taken
    asked = told.format(**slots)
    return Item(
        key=f"{part} {whole} {asked[-1]} {answer}", prompt=rng.choice(FRAMES).format(s=asked), answer=str(answer)
    )


def quantity(rng: Dice) -> Item:
    """One step of multiplying, dividing, adding or taking away."""
    forms, kind = rng.weighted(((PRODUCTS, "*"), (QUOTIENTS, "/"), (SUMS, "+"), (DIFFERENCES, "-")), (4, 3, 2, 2))
    a, b = (rng.randint(2, 9), rng.randint(2, 9)) if kind in "*/" else (rng.randint(2, 60), rng.randint(2, 20))
    whole = a * b if kind in "*/" else a + b
    answer = whole if kind in "*+" else a
    told = rng.choice(forms).format(a=a, b=b, c=whole, x=rng.choice(physics.THINGS), s=rng.choice(physics.STUFFS))
    text = told[0].upper() + told[1:]
    return Item(key=f"{text}", prompt=rng.choice(FRAMES).format(s=text), answer=str(answer))


def molecule(rng: Dice) -> Item:
    """Weights of atoms added up."""
    chosen = rng.sample(tuple(physics.ATOMS), rng.randint(1, 2))
    counts = [rng.randint(1, 9 if atom == "H" else 3) for atom in chosen]
    formula = " and ".join(f"{count} {atom}" for count, atom in zip(counts, chosen, strict=True))
    total = sum(count * physics.ATOMS[atom] for count, atom in zip(counts, chosen, strict=True))
    hint = "H=1, C=12, N=14, O=16. " if rng.random() < 0.5 else ""
    return Item(
        key=formula, prompt=rng.choice(FRAMES).format(s=hint + rng.choice(MASSES).format(f=formula)), answer=str(total)
    )


def calendar(rng: Dice) -> Item:
    """Some steps on in the circle of weekdays or months, or a half and a dozen of something."""
    if rng.random() < 0.3:
        word, number = rng.choice((("half a dozen", 6), ("a dozen", 12), ("two dozen", 24), ("three dozen", 36)))
        used, goods = rng.randint(0, 5), rng.choice(numbers.GOODS)
        asked = f"{word} {goods}, minus {used}: how many {goods}?" if used else f"How many {goods} are {word}?"
        return Item(key=f"{word} {used}", prompt=rng.choice(FRAMES).format(s=asked), answer=str(number - used))
    circle, unit = rng.choice(((numbers.WEEKDAYS, "day"), (numbers.MONTHS, "month")))
    start, steps = rng.randrange(len(circle)), rng.randint(1, 5)
    asked = rng.choice(("What {u} is {n} {u}s after {s}?", "{s}. Go on {n} {u}s. Which {u}?")).format(
        u=unit, n=steps, s=circle[start]
    )
    return Item(
        key=f"{circle[start]} {steps}",
        prompt=rng.choice(FRAMES).format(s=asked),
        answer=circle[(start + steps) % len(circle)],
    )
