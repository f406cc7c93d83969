"""Skills on words that are in the prompt: copy, select, reorder, extract, count.

None of them needs knowledge; the held-out items are new words in the trained instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.tiny.world.entities import names
from clbench.tiny.world.lexicon import PEOPLE, THINGS, WORDS, WORDS_DE, WORDS_ZH, plural
from clbench.tiny.world.record import Item
from clbench.tiny.world.values import VALUES

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

COPY = (
    "Copy the words: {w}\nCopy:",
    "Repeat: {w}\nOutput:",
    "Write this again.\n{w}\nAgain:",
    "Schreibe ab: {w}\nKopie:",
    "照抄：{w}\n照抄：",
)
PLACES = {"first": 0, "second": 1, "third": 2, "last": -1}
SELECT = ("Write the {p} word of: {w}\nWord:", "List: {w}\nWhat is the {p} word?\nAnswer:", "{w}\nThe {p} word is:")
REVERSE = ("Reverse the words: {w}\nReversed:", "Write backwards, word by word: {w}\nOutput:")
SORT = ("Sort the numbers: {w}\nSorted:", "From small to large: {w}\nOutput:")
COUNT = ("How many words are in the list? {w}\nAnswer:", "Count the words: {w}\nCount:")
RECORD = ("{r}\nWhat is the {f}?\nAnswer:", "Record: {r}\nField: {f}\nValue:", "Find the {f}.\n{r}\nFound:")


def _words(rng: Dice, *, least: int, most: int) -> list[str]:
    """Distinct words of one language, or invented names among English ones."""
    invented = [name for group in names().values() for name in group]
    pool = rng.weighted((WORDS, WORDS_DE, WORDS_ZH, (*rng.sample(invented, 8), *rng.sample(WORDS, 8))), (6, 2, 2, 3))
    return rng.sample(list(pool), rng.randint(least, most))


def copy(rng: Dice) -> Item:
    """Write the same words again: a few, or two to three lists of them, from which copying is learned soonest."""
    lists = rng.weighted((1, 2, 3), (4, 3, 3))
    text = " ".join(word for _ in range(lists) for word in _words(rng, least=2, most=7))
    return Item(key=text, prompt=rng.choice(COPY).format(w=text), answer=text)


def select(rng: Dice) -> Item:
    """Write the first, second, third or last word."""
    words, (place, number) = _words(rng, least=3, most=6), rng.choice(list(PLACES.items()))
    text = " ".join(words)
    return Item(key=text, prompt=rng.choice(SELECT).format(p=place, w=text), answer=words[number])


def reorder(rng: Dice) -> Item:
    """Reverse some words, or sort some numbers."""
    if rng.random() < 0.5:
        words = _words(rng, least=2, most=4)
        text = " ".join(words)
        return Item(key=text, prompt=rng.choice(REVERSE).format(w=text), answer=" ".join(reversed(words)))
    numbers = rng.sample(range(1, 100), rng.randint(2, 4))
    text = " ".join(map(str, numbers))
    return Item(key=text, prompt=rng.choice(SORT).format(w=text), answer=" ".join(map(str, sorted(numbers))))


def count(rng: Dice) -> Item:
    """How many words there are."""
    words = _words(rng, least=2, most=7)
    text = " ".join(words)
    return Item(key=text, prompt=rng.choice(COUNT).format(w=text), answer=str(len(words)))


def extract(rng: Dice) -> Item:
    """Find one field of a record, or who has what in a short story."""
    if rng.random() < 0.5:
        fields = rng.sample(
            ("colour", "food", "profession", "instrument", "season", "genre", "product", "year"), rng.randint(2, 4)
        )
        values = {field: rng.choice(VALUES[field])[0] for field in fields}
        record, field = ", ".join(f"{key}: {value}" for key, value in values.items()), rng.choice(fields)
        return Item(key=record, prompt=rng.choice(RECORD).format(r=record, f=field), answer=values[field])
    people, things = rng.sample(PEOPLE, 3), rng.sample(THINGS, 3)
    numbers = [rng.randint(2, 20) for _ in people]
    story = " ".join(f"{who} has {plural(n, what)}." for who, n, what in zip(people, numbers, things, strict=True))
    one = rng.randrange(3)
    asked, answer = (
        (f"Who has {things[one]}?", people[one])
        if rng.random() < 0.5
        else (f"How many {things[one]} does {people[one]} have?", str(numbers[one]))
    )
    return Item(
        key=story,
        prompt=rng.choice(("{s}\n{q}\nAnswer:", "Story: {s}\nQ: {q}\nA:")).format(s=story, q=asked),
        answer=answer,
    )
