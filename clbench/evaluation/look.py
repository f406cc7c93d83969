"""What people print by hand before a training run: how a file was read, and what the model will see of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from clbench.data.bare import questions, training_texts
from clbench.data.example import Example
from clbench.data.formed import load_formed, spread
from clbench.data.overlap import Overlap, overlap
from clbench.data.records import Reading, read_examples
from clbench.data.tokenising import Encoded, Encoder
from clbench.spec.task import Files, Task

MOST = 10_000  # records that are tokenised; of larger files an even share
PART = 1024  # and at once


class Piece(NamedTuple):
    """One token: its number, what it says alone, and whether it is learned."""

    id: int
    text: str
    learned: bool


class Lengths(NamedTuple):
    """Of prompts or answers, in tokens.

    Args:
        median: half are no longer.
        longest: of all.
        limit: the protocol's.
        cut: how many are longer than that and lose a part.
    """

    median: int
    longest: int
    limit: int
    cut: int


class Repeats(NamedTuple):
    """What stands more than once.

    Args:
        prompts: records whose prompt stood before.
        pairs: records whose prompt and answer stood before.
        contradictions: prompts that have several answers.
        empty: records without an answer, from which nothing is learned.
    """

    prompts: int
    pairs: int
    contradictions: int
    empty: int


class Shared(NamedTuple):
    """What a file has in common with test records.

    Args:
        prompts: test records whose prompt is also trained on.
        pairs: those whose answer is trained on with it.
        words: those that share a run of words with a training record.
    """

    prompts: int
    pairs: int
    words: Overlap


@dataclass(frozen=True, slots=True)
class Look:
    """A file, looked at.

    Args:
        form: how it was read.
        notes: which columns were taken for what, and which keys were not looked at.
        records: how many.
        tokenised: how many of them are measured in tokens.
        first: the first record.
        pieces: its tokens as they are trained.
        prompts: their lengths.
        answers: likewise, without the end-of-text token.
        merged: records whose answer is joined to the prompt by the tokenizer.
        repeats: what stands more than once.
        shared: with test records; None where there are none.
        ceiling: what a model can score at most, by the kind of score; None where it is not known.
        lost: why it is below what the answers themselves score.
    """

    form: str
    notes: tuple[str, ...]
    records: int
    tokenised: int
    first: Example
    pieces: tuple[Piece, ...]
    prompts: Lengths
    answers: Lengths
    merged: int
    repeats: Repeats
    shared: Shared | None = None
    ceiling: dict[str, float] | None = None
    lost: str | None = None


Ceiling = Callable[[Sequence[Example]], tuple[dict[str, float], str | None]]


def look(
    path: Path,
    *,
    task: Task,
    encoder: Encoder,
    split: str | None = None,
    test: Path | None = None,
    ceiling: Ceiling | None = None,
) -> Look:
    """Look at a file as training data.

    Args:
        path: of the file.
        task: whose forms say what its columns mean, where it has any.
        encoder: tokenizer and limits.
        split: which part of a folder of several.
        test: file of the records that are scored.
        ceiling: computes what can be scored at most.

    Raises:
        DataError: a file cannot be read.
    """
    examples, reading = _read(path, task, split=split)
    sample = spread(examples, MOST)
    sizes, merged = _sizes(encoder, sample)
    [first], _ = encoder.examples(examples[:1])
    told = ceiling(sample) if ceiling else (None, None)
    return Look(
        form=reading.form,
        notes=tuple(reading.notes(path.name)),
        records=len(examples),
        tokenised=len(sample),
        first=examples[0],
        pieces=pieces(encoder.tokenizer, first),
        prompts=_lengths([before for before, _ in sizes], limit=encoder.max_prompt - len(encoder.prefix)),
        answers=_lengths([after for _, after in sizes], limit=encoder.max_answer),
        merged=merged,
        repeats=repeats(examples),
        shared=None if test is None else shared(examples, _read(test, task, split="test")[0]),
        ceiling=told[0],
        lost=told[1],
    )


def _read(path: Path, task: Task, *, split: str | None) -> tuple[list[Example], Reading]:
    reading = Reading()
    if not task.forms:
        return read_examples(path, task=task.name, split=split, reading=reading), reading
    reading.form = "the task's forms"
    place = Files(train=path.name, test=path.name)  # as training data, which have no shots before them
    return load_formed(task, place, split="train", base_dir=path.parent), reading


def _sizes(encoder: Encoder, examples: Sequence[Example]) -> tuple[list[tuple[int, int]], int]:
    """Tokens of each prompt and answer before anything is cut, and how many the tokenizer joins."""
    whole = Encoder(encoder.tokenizer, max_prompt=1 << 40, max_answer=1 << 40, chat=encoder.chat)
    sizes, merged = [], 0
    for start in range(0, len(examples), PART):
        found, counts = whole.examples(examples[start : start + PART])
        ahead = len(whole.prefix)
        sizes += [(len(one.ids) - one.num_answer - ahead, one.num_answer - 1) for one in found]
        merged += counts.merged
    return sizes, merged


def _lengths(sizes: Sequence[int], *, limit: int) -> Lengths:
    ordered = sorted(sizes)
    return Lengths(ordered[(len(ordered) - 1) // 2], ordered[-1], limit, sum(size > limit for size in sizes))


def pieces(tokenizer: Any, encoded: Encoded) -> tuple[Piece, ...]:
    """An example's tokens, each as the text that it says alone."""
    learned = len(encoded.ids) - encoded.num_answer
    return tuple(
        Piece(one, tokenizer.decode([one], clean_up_tokenization_spaces=False), place >= learned)
        for place, one in enumerate(encoded.ids)
    )


def repeats(examples: Sequence[Example]) -> Repeats:
    """What stands more than once."""
    pairs = Counter((one.prompt, one.answer) for one in examples)
    answers = Counter(prompt for prompt, _ in pairs)
    return Repeats(
        prompts=len(examples) - len(answers),
        pairs=len(examples) - len(pairs),
        contradictions=sum(number > 1 for number in answers.values()),
        empty=sum(not one.answer for one in examples),
    )


def shared(train: Sequence[Example], test: Sequence[Example]) -> Shared:
    """What training records have in common with test records."""
    pairs = {(one.prompt, one.answer) for one in train}
    prompts = {prompt for prompt, _ in pairs}
    return Shared(
        prompts=sum(one.prompt in prompts for one in test),
        pairs=sum((one.prompt, one.answer) in pairs for one in test),
        words=overlap(training_texts(train), questions(test)),
    )
