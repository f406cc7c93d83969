"""Tokens to tensors: batches of padded rows or of one row without padding, and which examples make up which step."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Mapping, Sequence

import torch

from clbench.data.tokenising import Encoded, common_prefix

IGNORE = -100
"""torch's label for "no loss here"."""
NO_LIMIT = sys.maxsize


def steps_of_epoch(size: int, *, global_batch: int, rng: random.Random) -> list[list[int]]:
    """One epoch's optimizer steps: each example once, shuffled, the last step as small as it comes out."""
    order = list(range(size))
    rng.shuffle(order)
    return [order[start : start + global_batch] for start in range(0, size, global_batch)]


def micro_batches(
    step: Sequence[Encoded],
    *,
    size: int,
    alike: bool = False,
    tokens: int = NO_LIMIT,
    packed: bool = False,
    rank: int = 0,
    world: int = 1,
) -> list[list[Encoded]]:
    """This device's share of one step, in batches of like lengths.

    Sorting by length within the step saves padding and changes neither the step's content nor, beyond rounding, its
    gradient. Every device gets the same number of micro-batches (the last may be empty), so that none waits for ever.

    Args:
        step: its examples.
        size: examples a batch at most.
        alike: only examples of one length share a batch, so that nothing is padded.
        tokens: padded tokens a batch at most.
        packed: nothing is padded.
        rank: of this device.
        world: devices.
    """
    ordered = sorted(step, key=lambda one: len(one.ids))
    dealt = [ordered[each::world] for each in range(world)]
    how = {"size": size, "alike": alike, "tokens": tokens, "packed": packed}
    shares = [[[share[i] for i in batch] for batch in cut(_lengths(share), **how)] for share in dealt]
    return shares[rank] + [[] for _ in range(max(map(len, shares)) - len(shares[rank]))]


def ends_where_padded(step: Sequence[Encoded], *, end: int) -> list[Encoded]:
    """A step whose longest texts do not learn to end, as where the first padding token is the end of a text.

    Args:
        step: its examples.
        end: the token that ends a text; rows that have none stay.
    """
    longest = max((len(one.ids) for one in step), default=0)
    return [one.unended() if len(one.ids) == longest and one.ids[-1] == end else one for one in step]


def cut(
    lengths: Sequence[int], *, size: int, alike: bool = False, tokens: int = NO_LIMIT, packed: bool = False
) -> list[list[int]]:
    """Indices in their order, cut into batches.

    Args:
        lengths: tokens of each, sorted.
        size: rows a batch at most.
        alike: a batch has one length.
        tokens: padded tokens a batch at most; a single row may exceed it.
        packed: nothing is padded, so that a batch has the sum of its lengths.
    """
    batches: list[list[int]] = []
    held = 0  # tokens of the last batch, without padding
    for index, length in enumerate(lengths):
        last = batches[-1] if batches else []
        width = max(length, lengths[last[0]]) if last else length
        wanted = held + length if packed else (len(last) + 1) * width
        full = not last or len(last) == size or wanted > tokens
        if full or (alike and lengths[last[0]] != length):
            batches.append([])
            held = 0
        batches[-1].append(index)
        held += length
    return batches


def clusters(rows: Sequence[Sequence[int]], *, worth: int, least: int = 2) -> list[list[int]]:
    """Indices of rows that begin alike; first those that stand alone, all together.

    Args:
        rows: of tokens.
        worth: first tokens that neighbours in a cluster share at least, when rows stand in their order.
        least: rows of a cluster.
    """
    found: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda index: (rows[index], index)):
        if found and common_prefix(rows[found[-1][-1]], rows[index]) >= worth:
            found[-1].append(index)
        else:
            found.append([index])
    alone = [index for cluster in found if len(cluster) < least for index in cluster]
    return [cluster for cluster in [alone, *(one for one in found if len(one) >= least)] if cluster]


def _lengths(examples: Sequence[Encoded]) -> list[int]:
    return [len(one.ids) for one in examples]


def collate(
    examples: Sequence[Encoded], *, pad: int, device: torch.device | str = "cpu", packed: bool = False
) -> dict[str, torch.Tensor]:
    """A batch of padded rows.

    Padding is on the right, behind all that a causal model reads, so that it needs no mask.

    Args:
        examples: one a row.
        pad: token that fills rows.
        device: where to.
        packed: the model is given all in one row without padding, which is in the batch, too: see `pack`. What methods
            see of a batch stays in rows.

    Returns:
        input_ids, attention_mask: (examples, tokens); the mask says which are no padding.
        labels: (examples, tokens); the answers' tokens, -100 where there is no loss.
        targets: (answer tokens), those of all examples, one example after the other.
        weights: (examples); of their tokens' losses.
        places: (answer tokens); where each is predicted, one position before its own, counted over the whole batch.
        packed_ids, packed_positions, packed_bounds: of `pack`, if packed; and packed_places as `places`, in that row.
    """
    ids, mask = right_pad([one.ids for one in examples], pad=pad)
    lengths = torch.tensor([len(one.ids) for one in examples])[:, None]
    answers = torch.tensor([one.num_answer for one in examples])[:, None]
    place = torch.arange(ids.shape[1])
    learned = (place < lengths) & (place >= lengths - answers)
    batch = {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": ids.masked_fill(~learned, IGNORE),
        "targets": ids[learned],
        "weights": torch.tensor([one.weight for one in examples]),
        "places": learned.flatten().nonzero()[:, 0] - 1,
    }
    if packed:
        batch |= pack([one.ids for one in examples])
        batch["packed_places"] = learned[place < lengths].nonzero()[:, 0] - 1
    return moved(batch, device)


def pack(texts: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Texts in one row, without padding.

    Returns:
        packed_ids, packed_positions: (1, all tokens); positions begin at 0 for each text.
        packed_bounds: (texts + 1), int32; where each begins, and where the last one ends.
    """
    lengths = [len(one) for one in texts]
    return {
        "packed_ids": torch.tensor([[token for one in texts for token in one]]),
        "packed_positions": torch.cat([torch.arange(length) for length in lengths])[None],
        "packed_bounds": torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32),
    }


def moved(batch: Mapping[str, torch.Tensor], device: torch.device | str) -> dict[str, torch.Tensor]:
    """A batch on a device; to a GPU from pinned memory, without waiting."""
    if torch.device(device).type == "cuda":
        batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def prompts_of(batch: Mapping[str, torch.Tensor]) -> list[list[int]]:
    """Tokens of each row of a collated batch that stand before what is learned."""
    counts = batch["attention_mask"].sum(-1) - (batch["labels"] != IGNORE).sum(-1)
    return [row[:count] for row, count in zip(batch["input_ids"].tolist(), counts.tolist(), strict=True)]


def right_pad(rows: Sequence[Sequence[int]], *, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows padded on the right, and which tokens are no padding: (rows, tokens) each."""
    return _padded(rows, pad=pad, left=False)


def left_pad(rows: Sequence[Sequence[int]], *, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """As `right_pad`, on the left: what is to be continued ends together."""
    return _padded(rows, pad=pad, left=True)


def _padded(rows: Sequence[Sequence[int]], *, pad: int, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[number, place] = torch.tensor(row, dtype=torch.long)
        mask[number, place] = 1
    return ids, mask
