"""`wordproblem`: sums of two or three steps told as stories, answered by the worked steps and the number.

In the manner of MetaMathQA (arXiv 2309.12284), where GSM8K's training problems are told again in several ways: of what
is trained on, nearly half is plain, a third is rephrased, and a fifth asks backwards for a number x of a problem whose
result is given. Held-out records (eval, test) are plain and ask forwards, as GSM8K's are; one form serves both, so that
a task names one place. No problem whose plain prompt is held out is trained on in another wording.

What must be learned: to tell from words which sum comes next, to carry each result on, and to undo steps for an x.
Factors have one digit, and results stay at or below `LARGEST`.
"""

from __future__ import annotations

import operator
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini.draw import between, capital, chance, distinct, pick
from clbench.data.mini.splits import split_of
from clbench.data.mini.templates import WORDPROBLEM
from clbench.data.mini.wordproblem_words import BOYS, GIRLS, THEMES
from clbench.data.words.notation import phrases

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from clbench.data.mini.wordproblem_words import Theme

LARGEST = 24
LONG = 0.15  # of three steps
TRIES = 8
DOING = MappingProxyType({"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv})
UNDOING = MappingProxyType({"+": "-", "-": "+", "*": "/", "/": "*"})
FIRST = MappingProxyType({"0": (5, 16), "0+1": (3, 9), "0*1": (2, 9), "0*1+0": (2, 5)})
NEXT = MappingProxyType({"+": (2, 6), "-": (2, 6), "*": (2, 4), "/": (2, 4)})
ASKING_BACK = phrases("The answer is {0}. What is x? | If the answer is {0}, what is x? | It is {0}. Find x.")


class Problem(NamedTuple):
    """The sentences that tell it, what fills them, and a chain of steps.

    Attributes:
        rows: A theme's rows, see `wordproblem_words`.
        names: People, pronouns and things.
        numbers: In the order in which they are told; the chain begins with the first.
        steps: For each, what is done to the result so far and with which number.
    """

    rows: list[tuple[str, ...]]
    names: dict[str, str]
    numbers: list[int]
    steps: list[tuple[str, int]]

    def moves(self) -> list[tuple[str, int]]:
        """The steps, with the numbers themselves."""
        return [(sign, self.numbers[slot]) for sign, slot in self.steps]


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt of any kind and its worked answer; plain where no retelling falls to the problem's own split."""
    problem, kind = draw_problem(rng), pick(rng, KINDS)
    plain = _plain(rng, problem)
    for _ in range(TRIES):
        told = kind(rng, problem)
        if split_of(told[0]) == split_of(plain[0]):
            return told
    return plain


def make_plain(rng: random.Random) -> tuple[str, str]:
    """A plain prompt and its worked answer."""
    return _plain(rng, draw_problem(rng))


def draw_problem(rng: random.Random) -> Problem:
    """A theme's opening, what happens next, and the question: two or three steps in all."""
    theme = pick(rng, THEMES)
    opening = pick(rng, [row for row in theme.sentences if row[0] in FIRST])
    end = pick(rng, [row for row in theme.sentences if row[0] in "?*/"])
    opened = [(sign, int(slot)) for sign, slot in re.findall(r"([+*])(\d)", opening[0])]
    more = (3 if chance(rng, LONG) else 2) - len(opened) - (end[0] != "?")
    events = distinct(rng, [row for row in theme.sentences if row[0] in "+-"], min(max(0, more), 2))
    later = [row[0] for row in (*events, end) if row[0] != "?"]
    told = 1 + any(slot for _, slot in opened)  # numbers in the opening
    steps = opened + [(sign, told + place) for place, sign in enumerate(later)]
    return Problem([opening, *events, end], _names(rng, theme), _numbers(rng, opening[0], steps), steps)


def _names(rng: random.Random, theme: Theme) -> dict[str, str]:
    people, others, he = (GIRLS, BOYS, "she") if chance(rng, 0.5) else (BOYS, GIRLS, "he")
    told = {"n": pick(rng, people), "o": pick(rng, others), "he": he, "He": capital(he)}
    return {**told, "t": pick(rng, theme.things), "c": pick(rng, theme.holders)}


def _numbers(rng: random.Random, opening: str, steps: list[tuple[str, int]]) -> list[int]:
    """Small numbers with which all results are whole, not below 2 and not above `LARGEST`."""
    while True:
        numbers = [between(rng, *FIRST[opening])] + [between(rng, *NEXT[sign]) for sign, slot in steps if slot]
        moves = [(sign, numbers[slot]) for sign, slot in steps]
        results = [result for _, result in _run(numbers[0], moves)]
        undone = _run(results[-1], _undo(moves))[-1][1]  # the first number again, unless a division left a rest
        if undone == numbers[0] and min(results) >= 2 and max(results) <= LARGEST:
            return numbers


def _run(start: int, moves: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Each move's equation and result."""
    found = []
    for sign, number in moves:
        result = DOING[sign](start, number)
        found.append((f"{start} {sign} {number} = {result}", result))
        start = result
    return found


def _undo(moves: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(UNDOING[sign], number) for sign, number in reversed(moves)]


def _plain(rng: random.Random, problem: Problem) -> tuple[str, str]:
    return _told(problem, [row[1] for row in problem.rows]), _worked(_run(problem.numbers[0], problem.moves()))


def _rephrased(rng: random.Random, problem: Problem) -> tuple[str, str]:
    """Every sentence told in another way."""
    told = [pick(rng, row[2:]) for row in problem.rows]
    return _told(problem, told), _worked(_run(problem.numbers[0], problem.moves()))


def _backward(rng: random.Random, problem: Problem) -> tuple[str, str]:
    """The result is given and one number, which counts in one step only, is x."""
    result = _run(problem.numbers[0], problem.moves())[-1][1]
    used = [0, *(slot for _, slot in problem.steps)]
    hidden = pick(rng, [slot for slot in range(len(problem.numbers)) if used.count(slot) == 1])
    told = [*(row[1] for row in problem.rows), pick(rng, ASKING_BACK).replace("{0}", str(result))]
    return _told(problem, told, hidden=hidden), _worked(_back(problem, hidden, result=result))


def _back(problem: Problem, hidden: int, *, result: int) -> list[tuple[str, int]]:
    """The equations that find a number: what comes before it is done, what comes after it undone."""
    start, moves = problem.numbers[0], problem.moves()
    if hidden == 0:
        return _run(result, _undo(moves))
    at = next(place for place, (_, slot) in enumerate(problem.steps) if slot == hidden)
    before, after = _run(start, moves[:at]), _run(result, _undo(moves[at + 1 :]))
    value, target, sign = (before or [("", start)])[-1][1], (after or [("", result)])[-1][1], moves[at][0]
    last = _run(target, [(UNDOING[sign], value)]) if sign in "+*" else _run(value, [(sign, target)])
    return [*before, *after, *last]


def _told(problem: Problem, sentences: list[str], *, hidden: int | None = None) -> str:
    """The prompt: the numbers go to the sentences in turn."""
    shown = iter(["x" if slot == hidden else number for slot, number in enumerate(problem.numbers)])
    text = []
    for sentence in sentences:
        taken = [next(shown) for _ in {*re.findall(r"\{\d\}", sentence)}]
        text.append(capital(sentence.format(*taken, **problem.names)))
    return WORDPROBLEM.format(text=" ".join(text))


def _worked(equations: list[tuple[str, int]]) -> str:
    return "\n".join([*(text for text, _ in equations), f"The answer is: {equations[-1][1]}"])


KINDS = (_plain, _plain, _rephrased, _rephrased, _backward)
