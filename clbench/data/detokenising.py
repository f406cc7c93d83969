"""Tokens to text: what tokens say where they stand, which is not always what they say alone.

Decoders of the SentencePiece family (Llama 2, Mistral, Phi-3, Gemma 1) drop the first blank of whatever they are given,
those of the WordPiece family put one between any two words. So an answer is decoded together with the last tokens
before it, whose text is taken off again. Only tokens that begin, end or pad a sequence are left out: a label may well
be a special token of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CONTEXT = 4  # tokens; decoders look back by one, but for bytes that make one character together
UNKNOWN = "\ufffd"  # what bytes that are no whole character are decoded to
TAIL = 64  # characters of a prompt that a blank is looked for in


def until(text: str, stop: Sequence[str]) -> str:
    """A text up to the first of some texts that end an answer; whole where none stands in it."""
    return text[: min((place for place in map(text.find, stop) if place >= 0), default=len(text))]


class Detokenizer:
    """Texts of a tokenizer's tokens.

    Args:
        tokenizer: from transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        names = ("bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id")
        self.unwritten = frozenset(getattr(tokenizer, name, None) for name in names) - {None}

    def text(self, ids: Sequence[int], *, after: Sequence[int] = ()) -> str:
        """What tokens say when they follow others.

        Args:
            ids: the tokens.
            after: those that stand before them, padding included.
        """
        written = self._written(ids)
        before, said = self._context(after)
        whole = self._decode([*before, *written]) if before else ""
        return whole[len(said) :] if before and whole.startswith(said) else self._decode(written)

    def answer(self, ids: Sequence[int], *, after: Sequence[int], prompt: str) -> str:
        """What tokens answer to a prompt: `text` without a first blank that their tokenizer does not see.

        Args:
            ids: the answer's tokens.
            after: the prompt's.
            prompt: the prompt, whose last blank a tokenizer may have dropped and a decoder put back.
        """
        said = self.text(ids, after=after)
        end = prompt[-TAIL:]
        return said[1:] if said[:1] == " " and self._tokens(end + said) == self._tokens(end + said[1:]) else said

    def _context(self, after: Sequence[int]) -> tuple[list[int], str]:
        """The last few tokens, from the beginning of a character on, and their text."""
        written = self._written(after[-4 * CONTEXT :])
        tail, said = written[-CONTEXT:], self._decode(written[-CONTEXT:]) if written else ""
        while said.startswith(UNKNOWN) and len(tail) < min(len(written), 2 * CONTEXT):
            tail = written[-len(tail) - 1 :]
            said = self._decode(tail)
        return tail, said

    def _written(self, ids: Sequence[int]) -> list[int]:
        return [one for one in ids if one not in self.unwritten]

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def _decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
