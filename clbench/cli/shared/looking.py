"""How `clbench data look` shows what it found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from clbench.cli.shared import output

if TYPE_CHECKING:
    from clbench.evaluation.look import Lengths, Look, Piece

MOST_TEXT, MOST_TOKENS = 2000, 60  # characters and tokens that are shown of each part


def print_look(found: Look, *, name: str, model: str) -> None:
    """A file, its first record as the model sees it, and what to know of the others."""
    screen = output.console()
    for line in _lines(found, name=name, model=model):
        screen.print(line, markup=False, soft_wrap=True)


def _lines(found: Look, *, name: str, model: str) -> Iterator[str]:
    yield f"{name}: {found.form}, {found.records:,} records"
    yield from found.notes
    yield ""
    yield "first record, prompt:"
    yield from _margin(found.first.prompt)
    yield "first record, answer:"
    yield from _margin(found.first.answer)
    yield f"as {model} is trained on it, {len(found.pieces)} tokens:"
    for learned, group in groupby(found.pieces, key=lambda one: one.learned):
        yield _tokens(list(group), "learned" if learned else "given  ")
    yield ""
    share = "" if found.tokenised == found.records else f" (of {found.tokenised:,} records, evenly spread)"
    yield f"lengths in tokens{share}:"
    yield _length("prompts", found.prompts, lost="beginning")
    yield _length("answers", found.answers, lost="end")
    if found.merged:
        yield f"  {found.merged:,} prompts and answers meet in what the tokenizer would make one token"
    yield from _ceiling(found)
    yield from _repeats(found)


def _margin(text: str) -> Iterator[str]:
    """A text with a rule beside it, so that its line breaks and blanks show; what would act on a terminal is spelt."""
    shown = text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT // 2]} … {text[-MOST_TEXT // 2 :]}"
    for line in shown.split("\n"):
        yield "  |" + "".join(one if one.isprintable() else repr(one)[1:-1] for one in line) + "|"


def _tokens(pieces: list[Piece], what: str) -> str:
    half = MOST_TOKENS // 2
    texts = [repr(one.text) for one in pieces]
    shown = texts if len(texts) <= MOST_TOKENS else [*texts[:half], f"… {len(texts) - 2 * half} more …", *texts[-half:]]
    return f"  {what} ({len(texts)}): {' '.join(shown)}"


def _length(what: str, one: Lengths, *, lost: str) -> str:
    cut = f"{one.cut:,} longer than the limit of {one.limit:,} lose their {lost}" if one.cut else f"limit {one.limit:,}"
    return f"  {what}: half have at most {one.median:,}, the longest {one.longest:,}; {cut}"


def _ceiling(found: Look) -> Iterator[str]:
    if found.ceiling is not None:
        scores = ", ".join(f"{value:.4f} ({role})" for role, value in found.ceiling.items())
        yield f"ceiling, the score of a model whose tokens are all right: {scores}"
    if found.lost:
        yield f"  {found.lost}"


def _repeats(found: Look) -> Iterator[str]:
    one = found.repeats
    yield (
        f"repeats: {one.prompts:,} prompts stood before, {one.pairs:,} with the same answer; "
        f"{one.contradictions:,} prompts have several answers; {one.empty:,} answers are empty"
    )
    if found.shared is not None:
        words = found.shared.words
        yield (
            f"overlap: of {words.of:,} test records {found.shared.prompts:,} prompts are trained on, "
            f"{found.shared.pairs:,} with their answer; {words.touched:,} share {words.n} words in a row with it"
        )
