"""Documents packed into full rows of tokens; the position in the stream is a few integers.

Whole documents only: a question cut off from its answer would teach guessing. A document that fits into no row waits
for the next batch, so rows fill to about 97 %. Documents of one row do not see each other (see `mask`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from clbench.tiny.pretrain.vocabulary import special_ids
from clbench.tiny.world import mixed

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from clbench.tiny.pretrain.plan import Plan

WAITING = 12
"""A batch is full when this many documents found no room in it."""

LEAST = 4
"""Tokens as which a shorter answer, its end token included, counts in the loss."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the stream of documents the next batch begins."""

    next: int = 0
    waiting: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's data; every tensor has a row a packed sequence and a column a token.

    Args:
        ids: Tokens, padded at the right.
        places: Position of each token in its own document.
        owners: Which document of its row a token belongs to, from 1; 0 is padding.
        weights: Weight in the loss of predicting each token.
    """

    ids: Tensor
    places: Tensor
    owners: Tensor
    weights: Tensor


@dataclass(slots=True)
class _Row:
    """A row being filled."""

    ids: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    documents: int = 0

    def add(self, ids: list[int], weights: list[float]) -> None:
        self.documents += 1
        self.ids += ids
        self.places += range(len(ids))
        self.owners += [self.documents] * len(ids)
        self.weights += weights


def encoded(index: int, *, tokenizer: PreTrainedTokenizerFast, plan: Plan) -> tuple[list[int], list[float]]:
    """Tokens of one document with its end token, and their weights in the loss.

    The first token weighs nothing: no token stands before it. A short answer weighs as much as one of `LEAST` tokens,
    or letters and numbers would drown in prose. What is too long for a row loses its beginning.
    """
    one = mixed(index, seed=plan.seed)
    prompt, answer = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (one.prompt, one.answer))
    ids = [*prompt, *answer, special_ids(tokenizer)[1]]
    each = max(1.0, LEAST / (len(answer) + 1)) if prompt else plan.text_weight
    weights = [plan.prompt_weight] * len(prompt) + [each] * (len(answer) + 1)
    ids, weights = ids[-plan.length :], weights[-plan.length :]
    return ids, [0.0, *weights[1:]]


def next_batch(position: Position, *, tokenizer: PreTrainedTokenizerFast, plan: Plan) -> tuple[Batch, Position]:
    """The batch at a position, and the position behind it: a pure function."""
    rows, left = [_Row() for _ in range(plan.rows)], list[int]()
    waiting, index = list(position.waiting), position.next
    while len(left) < WAITING:
        if waiting:
            number = waiting.pop(0)
        else:
            number, index = index, index + 1
        ids, weights = encoded(number, tokenizer=tokenizer, plan=plan)
        room = next((row for row in rows if len(row.ids) + len(ids) <= plan.length), None)
        if room is None:
            left.append(number)
        else:
            room.add(ids, weights)
    return _tensors(rows, length=plan.length, pad=special_ids(tokenizer)[0]), Position(index, (*left, *waiting))


def _tensors(rows: list[_Row], *, length: int, pad: int) -> Batch:
    """The rows as tensors, padded to the full length."""

    def padded(values: list, filler: float) -> list:
        return values + [filler] * (length - len(values))

    return Batch(
        ids=torch.tensor([padded(row.ids, pad) for row in rows]),
        places=torch.tensor([padded(row.places, 0) for row in rows]),
        owners=torch.tensor([padded(row.owners, 0) for row in rows]),
        weights=torch.tensor([padded(row.weights, 0.0) for row in rows]),
    )


def mask(owners: Tensor) -> Tensor:
    """(rows, 1, length, length): true where a token may look, at itself and at what precedes it in its document."""
    length = owners.shape[1]
    same = owners[:, :, None] == owners[:, None, :]
    past = torch.ones(length, length, dtype=torch.bool, device=owners.device).tril()
    return (same & past)[:, None]
