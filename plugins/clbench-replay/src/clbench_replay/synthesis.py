"""New records of a past task from a few of its own: what a model is shown, and what of its text is a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from random import Random

from clbench import Example

SEPARATOR = "\n\n"


def shown(shots: Sequence[Example], *, rng: Random) -> Example:
    """The records in another order, one after the other, so that what comes next is one more."""
    order = rng.sample(list(shots), len(shots))
    return Example(shots[0].task, "".join(f"{one.prompt}{one.answer}{SEPARATOR}" for one in order), "")


def cue(shots: Sequence[Example]) -> str:
    """The text that all prompts of a task end with, at which a new one is over."""
    if len(shots) < 2:
        return ""
    columns = zip(*(one.prompt[::-1] for one in shots), strict=False)
    return "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, columns))[::-1]


def records(texts: Iterable[str], *, shots: Sequence[Example], known: Iterable[str] = ()) -> list[tuple[str, str]]:
    """What was written, as prompts with the answers that were written after them.

    A prompt ends with the cue; without it, without anything before it, or known already: it is no record. An answer
    ends where the next record begins; where prompts have no cue in common, all is prompt.

    Args:
        texts: what a model wrote.
        shots: what it was shown.
        known: prompts that are there.
    """
    end = cue(shots)
    found: dict[str, str] = {}
    taken = {one.prompt for one in shots}.union(known)
    for text in texts:
        before, there, after = text.lstrip().partition(end) if end else (text.strip(), "", "")
        said = before + there
        if before.strip() and (there or not end) and said not in taken:
            found.setdefault(said, after.partition(SEPARATOR)[0])
    return list(found.items())
