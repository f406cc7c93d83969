"""Text to tokens: the prompt's tokens are those that the model is asked with, the answer's those that follow them.

Wherever the tokens of prompt + answer begin with the prompt's own, the answer's are the rest. Where the prompt's last
characters and the answer's first would share a token (a prompt that ends in a blank, as a rule), the model would
be trained in a context that it is never asked in; there the answer gets tokens that follow the prompt's and give its
text back. TRACE tokenises the answer on its own and counts back, which is off by one token wherever a tokenizer
prefixes a text (specs of the benchmark, §2).

A long prompt loses its beginning, so that the answer cue stays (a chat template's own beginning stays, too); a long
answer loses its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from clbench.base.errors import ModelError
from clbench.data.chat import Chat, make_chat
from clbench.data.detokenising import Detokenizer
from clbench.data.example import Example

if TYPE_CHECKING:
    from clbench.spec.protocol import Protocol

ANCHORS = ("", "\n", ".", ")", "a", "0")  # texts that an answer is tokenised behind, where it may not join the prompt


@dataclass(frozen=True, slots=True)
class Encoded:
    """One training example.

    Args:
        ids: beginning-of-text token if the tokenizer has one, prompt, answer, the token that ends it.
        num_answer: how many of the last ids are trained on: answer tokens and the token that ends the answer.
        task: the example's.
        weight: of its tokens' losses.
    """

    ids: tuple[int, ...]
    num_answer: int
    task: str = ""
    weight: float = 1.0

    def whole(self) -> Encoded:
        """The same, with a loss on all that something stands before."""
        return replace(self, num_answer=len(self.ids) - 1)

    def unended(self) -> Encoded:
        """The same without its last token, which ends it."""
        return replace(self, ids=self.ids[:-1], num_answer=self.num_answer - 1)


@dataclass(slots=True)
class EncodingCounts:
    """What happened to a set of examples; everything but 0 is a warning in the record."""

    prompt_truncated: int = 0
    answer_truncated: int = 0
    merged: int = 0


class Parts(NamedTuple):
    """A prompt and what follows it.

    Args:
        prompt: its tokens, as it is asked.
        answer: the tokens that follow.
        merged: whether the tokenizer would have joined the two.
    """

    prompt: list[int]
    answer: list[int]
    merged: bool


class Encoder:
    """A tokenizer under a protocol's lengths.

    Args:
        tokenizer: of the model, from transformers.
        max_prompt: tokens a prompt keeps, its end.
        max_answer: tokens an answer keeps, its beginning.
        chat: puts prompts through a chat template; None: they are asked as they stand.
        whole: training examples have a loss on their prompts, too.

    Raises:
        ModelError: the tokenizer has no end-of-text token.
    """

    def __init__(
        self, tokenizer: Any, *, max_prompt: int, max_answer: int, chat: Chat | None = None, whole: bool = False
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end-of-text token (eos_token); set one and save it again")
        self.tokenizer = tokenizer
        self.max_prompt = max_prompt
        self.max_answer = max_answer
        self.eos = int(tokenizer.eos_token_id)
        self.chat, self.whole = chat, whole
        self.end = chat.end if chat else self.eos
        self.pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.eos)
        self.prefix = _prefix(tokenizer)
        self.detokenizer = Detokenizer(tokenizer)
        self.head = len(self.tokens([chat.head])[0]) if chat else 0

    def asked(self, one: Example) -> str:
        """The text that the model is asked for an example: its prompt, or what the chat template makes of it."""
        return self.chat.render(one) if self.chat else one.prompt

    def prompts(self, texts: Sequence[str], *, limit: int | None = None) -> list[list[int]]:
        """Tokens of prompts as the model sees them when it is asked; their ends, at most `limit` or `max_prompt`."""
        return [self._opened(ids, limit=limit or self.max_prompt) for ids in self.tokens(texts)]

    def examples(self, examples: Sequence[Example]) -> tuple[list[Encoded], EncodingCounts]:
        """Training examples, and what was cut."""
        counts = EncodingCounts()
        parts = self.parts([(self.asked(one), one.answer) for one in examples])
        pairs = zip(parts, examples, strict=True)
        found = [self._join(one, counts, example.task, end=self.end) for one, example in pairs]
        return [one.whole() for one in found] if self.whole else found, counts

    def rows(
        self,
        examples: Sequence[Example],
        answers: Sequence[str | Sequence[int]],
        weights: Sequence[float] | None = None,
    ) -> list[Encoded]:
        """Prompts of examples as they are asked, followed by answers that are given.

        Args:
            examples: whose prompts.
            answers: text, which is ended; or tokens as they stand.
            weights: of each row, 1 by default.
        """
        pairs = list(zip(examples, answers, strict=True))
        encoded = iter(self.examples([replace(one, answer=said) for one, said in pairs if isinstance(said, str)])[0])
        prompts = self.prompts([self.asked(one) for one in examples])
        found = [
            next(encoded) if isinstance(said, str) else Encoded((*prompt, *said), len(said), one.task)
            for (one, said), prompt in zip(pairs, prompts, strict=True)
        ]
        if weights is None:
            return found
        return [replace(one, weight=float(weight)) for one, weight in zip(found, weights, strict=True)]

    def parts(self, pairs: Sequence[tuple[str, str]]) -> list[Parts]:
        """Prompts' tokens as they are asked, and those of the answers that follow them; nothing cut.

        Args:
            pairs: a prompt and an answer each.
        """
        texts = list(dict.fromkeys(text for prompt, answer in pairs for text in (prompt, prompt + answer)))
        known = dict(zip(texts, self.tokens(texts), strict=True))  # a prompt may stand before several answers
        return [self._parted(known[prompt], known[prompt + answer], prompt, answer) for prompt, answer in pairs]

    def wholes(self, examples: Sequence[Example]) -> list[Encoded]:
        """Texts whose likelihood is measured and which nobody is asked for: tokens of the whole, joined where they are.

        What is measured begins at the first token that the prompt alone does not have.
        """
        before = self.tokens([one.prompt for one in examples])
        both = self.tokens([one.prompt + one.answer for one in examples])
        starts = [common_prefix(*pair) for pair in zip(before, both, strict=True)]
        parts = [Parts(ids[:start], ids[start:], merged=False) for ids, start in zip(both, starts, strict=True)]
        counts = EncodingCounts()
        return [self._join(part, counts, one.task, end=self.eos) for part, one in zip(parts, examples, strict=True)]

    def _parted(self, before: list[int], whole: list[int], prompt: str, answer: str) -> Parts:
        if whole[: len(before)] == before:
            return Parts(before, whole[len(before) :], merged=False)
        candidates = self._apart(answer)

        def distance(ids: list[int]) -> int:
            return Levenshtein.distance(self.detokenizer.answer(ids, after=before, prompt=prompt), answer)

        return Parts(before, min(candidates, key=distance), merged=True)

    def _apart(self, answer: str) -> list[list[int]]:
        """Tokens of an answer that joins nothing, the likelier ones first."""
        pairs = zip(self.tokens(ANCHORS), self.tokens([anchor + answer for anchor in ANCHORS]), strict=True)
        return [whole[len(anchor) :] for anchor, whole in pairs if whole[: len(anchor)] == anchor]

    def _join(self, parts: Parts, counts: EncodingCounts, task: str, *, end: int) -> Encoded:
        counts.merged += parts.merged
        counts.prompt_truncated += len(parts.prompt) > self.max_prompt - len(self.prefix)
        counts.answer_truncated += len(parts.answer) > self.max_answer
        answer = parts.answer[: self.max_answer]
        return Encoded((*self._opened(parts.prompt, limit=self.max_prompt), *answer, end), len(answer) + 1, task)

    def _opened(self, prompt: list[int], *, limit: int) -> list[int]:
        room = limit - len(self.prefix)
        if len(prompt) > room:  # a template's own beginning stays
            head = min(self.head, room - 1)
            prompt = [*prompt[:head], *prompt[-(room - head) :]]
        return [*self.begin(prompt), *prompt]

    def begin(self, prompt: Sequence[int]) -> tuple[int, ...]:
        """What stands before a prompt; an empty one needs something to predict the first token from."""
        return self.prefix or (() if prompt else (self.eos,))

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts, without the beginning-of-text token, which a text may have itself.

        All tokens of the project come from here, those that are trained and those that are asked.
        """
        if not texts:
            return []
        found = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        size = len(self.prefix)
        return [ids[size:] if size and tuple(ids[:size]) == self.prefix else ids for ids in found]


def make_encoder(tokenizer: Any, protocol: Protocol) -> Encoder:
    """A tokenizer as a protocol asks with it.

    Raises:
        ModelError: the tokenizer lacks what the protocol needs.
    """
    chat = make_chat(tokenizer, system=protocol.system) if protocol.prompt == "chat" else None
    return Encoder(
        tokenizer,
        max_prompt=protocol.max_prompt_tokens,
        max_answer=protocol.max_answer_tokens,
        chat=chat,
        whole=protocol.loss == "text",
    )


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
