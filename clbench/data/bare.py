"""Records as texts to look for in others: without the words that all records of a task share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clbench.data.example import Example
from clbench.data.overlap import tokens
from clbench.data.tokenising import common_prefix


def questions(examples: Sequence[Example]) -> list[str]:
    """Prompts without what all of them begin and end with, nor the solved examples before them; and their answers."""
    bare = [one.prompt[one.start :] for one in examples]
    begin = _alike(bare)
    end = _alike([text[begin:][::-1] for text in bare])
    return [f"{text[begin : len(text) - end]} {one.answer}" for text, one in zip(bare, examples, strict=True)]


def _alike(texts: Sequence[str]) -> int:
    """Characters that all texts begin with, of whole words; none where there is but one."""
    size = min((common_prefix(texts[0], text) for text in texts[1:]), default=0)
    while size and any(tokens(pair := text[size - 1 : size + 1]) == [pair.casefold()] for text in texts if text[size:]):
        size -= 1
    return size


def training_texts(examples: Sequence[Example]) -> Iterator[str]:
    """Those of one task."""
    for one, bare in zip(examples, questions(examples), strict=True):
        yield f"{one.prompt} {one.answer}"
        yield bare
