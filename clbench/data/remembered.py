"""Tokens of texts that are asked again: every row of R has the same prompts."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MOST = 2**26  # bytes that are kept


@dataclass(slots=True)
class Remembered:
    """What a tokenizer has said, until there is no more room.

    Args:
        tokenise: texts to tokens.
        kept: tokens by text.
        size: bytes of both.
    """

    tokenise: Callable[[Sequence[str]], list[list[int]]]
    kept: dict[str, array[int]] = field(default_factory=dict)
    size: int = 0

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts, each asked once."""
        new = [text for text in dict.fromkeys(texts) if text not in self.kept]
        found = dict(zip(new, self.tokenise(new), strict=True))
        for text, ids in found.items():
            if self.size < MOST:
                self.kept[text] = array("I", ids)
                self.size += len(text) + 4 * len(ids)
        return [found[text] if text in found else list(self.kept[text]) for text in texts]
