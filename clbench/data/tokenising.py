"""Text to tokens: where the answer begins is found in the tokens of the whole, never by tokenising the answer apart.

TRACE tokenises the answer on its own and counts back, which is off by one token wherever a tokenizer merges or prefixes
differently in context (specs of the benchmark, §2). Here `prompt + answer` is tokenised once, and the answer begins at
the first token in which it differs from the tokenised prompt. Where the answer's first characters merge with the
prompt's last ones into one token, that token counts as answer, and the example is counted in `merged`.

A long prompt loses its beginning, so that the answer cue stays; a long answer loses its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.base.errors import ModelError
from clbench.data.example import Example


@dataclass(frozen=True, slots=True)
class Encoded:
    """One training example.

    Args:
        ids: beginning-of-text token if the tokenizer has one, prompt, answer, end-of-text token.
        num_answer: how many of the last ids are trained on: answer tokens and the end-of-text token.
        task: the example's.
    """

    ids: tuple[int, ...]
    num_answer: int
    task: str = ""


@dataclass(slots=True)
class EncodingCounts:
    """What happened to a set of examples; everything but 0 is a warning in the record."""

    prompt_truncated: int = 0
    answer_truncated: int = 0
    merged: int = 0


class Encoder:
    """A tokenizer under a protocol's lengths.

    Args:
        tokenizer: of the model, from transformers.
        max_prompt: tokens a prompt keeps, its end.
        max_answer: tokens an answer keeps, its beginning.

    Raises:
        ModelError: the tokenizer has no end-of-text token.
    """

    def __init__(self, tokenizer: Any, *, max_prompt: int, max_answer: int) -> None:
        if tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end-of-text token (eos_token); set one and save it again")
        self.tokenizer = tokenizer
        self.max_prompt = max_prompt
        self.max_answer = max_answer
        self.eos = int(tokenizer.eos_token_id)
        self.pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.eos)
        self.prefix = _prefix(tokenizer)

    def prompts(self, texts: Sequence[str], *, limit: int | None = None) -> list[list[int]]:
        """Tokens of prompts as the model sees them when it is asked; their ends, at most `limit` or `max_prompt`."""
        keep = (limit or self.max_prompt) - len(self.prefix)
        return [[*self.begin(ids), *ids[-keep:]] for ids in self.tokens(texts)]

    def examples(self, examples: Sequence[Example]) -> tuple[list[Encoded], EncodingCounts]:
        """Training examples, and what was cut."""
        counts = EncodingCounts()
        alone = self.tokens([one.prompt for one in examples])
        whole = self.tokens([one.prompt + one.answer for one in examples])
        triples = zip(alone, whole, examples, strict=True)
        return [self._join(prompt, both, counts, task=one.task) for prompt, both, one in triples], counts

    def _join(self, prompt: list[int], both: list[int], counts: EncodingCounts, *, task: str) -> Encoded:
        start = common_prefix(prompt, both)
        keep = self.max_prompt - len(self.prefix)
        counts.merged += start < len(prompt)
        counts.prompt_truncated += start > keep
        counts.answer_truncated += len(both) - start > self.max_answer
        answer = both[start : start + self.max_answer]
        ids = (*self.begin(both[:start]), *both[max(0, start - keep) : start], *answer, self.eos)
        return Encoded(ids, len(answer) + 1, task)

    def begin(self, prompt: Sequence[int]) -> tuple[int, ...]:
        """What stands before a prompt; an empty one needs something to predict the first token from."""
        return self.prefix or (() if prompt else (self.eos,))

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts and nothing else."""
        return self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []


def _prefix(tokenizer: Any) -> tuple[int, ...]:
    """What the tokenizer puts before a text, such as a beginning-of-text token."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start])
    return ()


def common_prefix(first: Sequence[object], second: Sequence[object]) -> int:
    """Length of the longest common beginning."""
    if second[: len(first)] == first:
        return len(first)
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))
