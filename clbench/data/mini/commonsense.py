"""`numglue-cm`: small sums that need a fact nobody states: the days of a week, the legs of a spider, a dozen.

What must be learned: about thirty such numbers, and what to do with them: multiply, divide, add, take away, count
over noon, go on in the circle of weekdays and months. One answer in twenty is a word; results stay below 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import between, chance, distinct, pick
from clbench.data.mini.templates import MATH
from clbench.data.words.notation import phrases, table, words
from clbench.data.words.numbers import FACTS, MONTHS, WEEKDAYS

if TYPE_CHECKING:
    import random

NAMES = words("""
    Ada Bruno Carla Deniz Ella Farid Greta Henri Irma Jonas Katya Luca Mina Noel Oskar Paula Rafael Selma Theo Ulla
    Viktor Wanda Xenia Yusuf Zora Anton Bella Cesar Delia Ewan Frida Goran Hilda Ivan Julia Klaus Lidia Marco Nadia
    Omar Petra Quentin Rita Stefan Tilda Ugo Vera Willem Yvonne Zita Arne Birgit Clara Dario Edda Felix Gerda Hektor
""")
WALKERS = tuple(row for row in FACTS if row[0] == "legs")
RIDES = tuple(row for row in FACTS if row[0] == "wheels")
CLOCKS = tuple(row for row in FACTS if row[2] in {"week", "year", "day", "hour", "minute", "decade"})
HALVES = tuple(row for row in CLOCKS if int(row[4]) % 2 == 0)
# A short time, the long one, and how often the short one fits.
SPANS = table("day | week | 7; month | year | 12; year | decade | 10")
HABITS = phrases("""
    saves {} coins | reads {} pages | bakes {} pies | draws {} cards | plants {} trees | writes {} letters
    sells {} hats | drinks {} cups of tea | mends {} nets | learns {} songs | takes {} photos | finds {} shells
""")
GOODS = words("eggs rolls pens plums pins cups forks roses nuts cards buns bolts candles lemons")
USES = phrases("uses | eats | sells | loses | gives away | drops | burns | hides")
MOMENTS = phrases("""
    today | at school | at noon | on Monday | at breakfast | in class | on the bus | in the evening | at work
""")
JOBS = words("works sleeps reads drives cooks hikes swims paints")
STAYS = phrases("""
    was away | stayed at home | was in town | waited | was on the road | stayed with a friend | was abroad
""")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt, and the number or, once in twenty, the word."""
    kind = _calendar if chance(rng, 0.05) else pick(rng, KINDS)
    question, answer = kind(rng, pick(rng, NAMES))
    return MATH.format(text=question), str(answer)


def _count(rng: random.Random, fact: tuple[str, ...]) -> int:
    """A number of wholes that keeps the number of parts small."""
    return between(rng, 2, 6 if int(fact[4]) <= 12 else 4)


def _many(rng: random.Random, name: str) -> tuple[str, int]:
    part, place, _, wholes, each = fact = pick(rng, FACTS)
    count = _count(rng, fact)
    question = pick(rng, (
        f"{name} thinks of {count} {wholes} {pick(rng, MOMENTS)}. How many {part} is that?",
        f"How many {part} are there {place} {count} {wholes}? {name} wants to know {pick(rng, MOMENTS)}.",
        f"{name} marks {count} {wholes} on a chart {pick(rng, MOMENTS)}. Find the number of {part}.",
    ))  # fmt: skip
    return question, count * int(each)


def _inverse(rng: random.Random, name: str) -> tuple[str, int]:
    part, place, _, wholes, each = fact = pick(rng, FACTS)
    count = _count(rng, fact)
    total, moment = count * int(each), pick(rng, MOMENTS)
    question = pick(rng, (
        f"{name} counts {total} {part} {place} some {wholes} {moment}. How many {wholes} are there?",
        f"{name} asks for {total} {part} {moment}. How many {wholes} have that?",
    ))  # fmt: skip
    return question, count


def _mixed(rng: random.Random, name: str) -> tuple[str, int]:
    one, two = distinct(rng, pick(rng, (WALKERS, RIDES)), 2)
    first, second = between(rng, 2, 4), between(rng, 2, 4)
    total = first * int(one[4]) + second * int(two[4])
    return f"{name} draws {first} {one[3]} and {second} {two[3]}. How many {one[0]} are there?", total


def _left(rng: random.Random, name: str) -> tuple[str, int]:
    part, place, whole, _, each = pick(rng, FACTS)
    gone = between(rng, 1, min(int(each) - 1, 5))
    done = pick(rng, ("marked", "counted", "listed", "crossed out"))
    noun = part if gone > 1 else part.removesuffix("s")
    return f"{name} has {done} {gone} {noun} {place} a {whole}. How many {part} are left?", int(each) - gone


def _habit(rng: random.Random, name: str) -> tuple[str, int]:
    short, long, times = pick(rng, SPANS)
    each = between(rng, 2, 6)
    habit = pick(rng, HABITS).format(each)
    thing = habit.split()[2]
    return f"{name} {habit} every {short}. How many {thing} is that in a {long}?", each * int(times)


def _span(rng: random.Random, name: str) -> tuple[str, int]:
    start, end = between(rng, 5, 11), between(rng, 1, 6)
    time = f"from {start} in the morning to {end} in the afternoon"
    return f"{name} {pick(rng, JOBS)} {time}. How many hours is that?", 12 - start + end


def _dozen(rng: random.Random, name: str) -> tuple[str, int]:
    amount, number = pick(rng, (("a dozen", 12), ("two dozen", 24), ("half a dozen", 6), ("three dozen", 36)))
    used = between(rng, 1, 5)
    goods, does = pick(rng, GOODS), pick(rng, USES)
    return f"{name} has {amount} {goods} and {does} {used}. How many {goods} are left?", number - used


def _and_more(rng: random.Random, name: str) -> tuple[str, int]:
    part, _, _, wholes, each = fact = pick(rng, CLOCKS)
    count, more = _count(rng, fact), between(rng, 2, 6)
    question = f"{name} {pick(rng, STAYS)} for {count} {wholes} and {more} {part}. How many {part} is that?"
    return question, count * int(each) + more


def _half(rng: random.Random, name: str) -> tuple[str, int]:
    part, _, whole, wholes, each = pick(rng, HALVES)
    count = between(rng, 0, 3)
    time = f"{count} and a half {wholes}" if count else f"half {'an' if whole == 'hour' else 'a'} {whole}"
    return f"{name} {pick(rng, STAYS)} for {time}. How many {part} is that?", count * int(each) + int(each) // 2


def _age(rng: random.Random, name: str) -> tuple[str, int]:
    age, decades = between(rng, 2, 40), between(rng, 1, 3)
    ahead = "a decade" if decades == 1 else f"{decades} decades"
    return f"{name} is {age} years old. How old will {name} be in {ahead}?", age + 10 * decades


def _calendar(rng: random.Random, name: str) -> tuple[str, str]:
    circle, unit = pick(rng, ((WEEKDAYS, "day"), (MONTHS, "month")))
    start, steps = between(rng, 0, len(circle) - 1), between(rng, 1, 5)
    event = pick(rng, ("a test", "a party", "a race", "a trip", "a concert"))
    wait = f"{steps} {unit}s" if steps > 1 else f"one {unit}"
    question = f"It is {circle[start]}. {name} has {event} in {wait}. Name the {unit} of it."
    return question, circle[(start + steps) % len(circle)]


KINDS = (_many, _many, _inverse, _mixed, _left, _habit, _span, _dozen, _and_more, _half, _age)
