"""Which kinds of documents there are, how often each comes, and the endless stream that pre-training reads."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from clbench.tiny.world import (
    arithmetic,
    choices,
    code,
    facts,
    meetings,
    news,
    plain,
    policy,
    quantities,
    science,
    skills,
    stance,
)
from clbench.tiny.world.record import Document, Split, draw, generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clbench.tiny.world.record import Dice, Item

MAKERS: dict[str, tuple[Callable[[Dice], Item], float]] = {
    "fact-question": (facts.question, 17),
    "fact-portrait": (facts.portrait, 5),
    "fact-ramble": (facts.ramble, 2),
    "copy": (skills.copy, 6),
    "select": (skills.select, 3),
    "reorder": (skills.reorder, 4),
    "count": (skills.count, 1),
    "extract": (skills.extract, 5),
    "sum": (arithmetic.bare, 8),
    "sum-story": (arithmetic.story, 3),
    "parts": (quantities.parts, 4),
    "quantity": (quantities.quantity, 5),
    "molecule": (quantities.molecule, 1),
    "calendar": (quantities.calendar, 1.5),
    "choice-category": (choices.category, 4),
    "choice-world": (choices.world, 2),
    "choice-science": (science.question, 8),
    "yes-no": (choices.yes_no, 1),
    "stance-zh": (stance.chinese, 8),
    "stance-en": (stance.english, 4),
    "stance-policy": (policy.note, 8),
    "plain-de": (plain.sentence, 5),
    "news-de": (news.report, 2),
    "meeting": (meetings.session, 4),
    "code": (code.program, 5),
}
"""Kind -> its maker and how often it comes, relative to the others."""

KINDS = tuple(MAKERS)
WEIGHTS = tuple(weight for _, weight in MAKERS.values())
NEVER_HELD_OUT = ("fact-question", "fact-portrait")
"""Kinds without a held-out side: every fact is to be learned."""

RUNNING = ("fact-ramble", "news-de", "meeting", "code")
"""Kinds whose held-out documents are the text-loss probe."""

SKILLS = tuple(kind for kind in KINDS if kind not in {*NEVER_HELD_OUT, *RUNNING})
"""Kinds with short answers whose held-out items are the skill probe."""


def document(kind: str, *, index: int, seed: int, split: Split = "train") -> Document:
    """Document number `index` of one kind.

    Args:
        kind: One of `KINDS`.
        index: Any whole number from 0.
        seed: Which of the endless streams; never the probes' own.
        split: `test` gives held-out items only, and raises for kinds that hold none out.
    """
    if kind not in MAKERS:
        raise ValueError(f"no kind {kind!r} of document; there is {', '.join(KINDS)}")
    if split == "test" and kind in NEVER_HELD_OUT:
        raise ValueError(f"{kind} holds nothing out: every fact is to be learned")
    return draw(MAKERS[kind][0], kind=kind, split=split, index=index, seed=seed)


def mixed(index: int, *, seed: int) -> Document:
    """Document number `index` of the mixture, training side."""
    kind = generator(seed, "mixture", index).weighted(KINDS, WEIGHTS)
    return document(kind, index=index, seed=seed)


def documents(seed: int, *, start: int = 0) -> Iterator[Document]:
    """The endless stream of training documents from number `start` on."""
    return (mixed(index, seed=seed) for index in count(start))
