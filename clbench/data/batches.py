"""Tokens to tensors: padded batches, and which examples make up which optimizer step."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from clbench.data.tokenising import Encoded

IGNORE = -100
"""torch's label for "no loss here"."""


def steps_of_epoch(size: int, *, global_batch: int, rng: random.Random) -> list[list[int]]:
    """One epoch's optimizer steps: each example once, shuffled, the last step as small as it comes out."""
    order = list(range(size))
    rng.shuffle(order)
    return [order[start : start + global_batch] for start in range(0, size, global_batch)]


def micro_batches(step: Sequence[Encoded], *, size: int, rank: int = 0, world: int = 1) -> list[list[Encoded]]:
    """This device's share of one step, in batches of like lengths.

    Sorting by length within the step saves padding and changes neither the step's content nor, beyond rounding, its
    gradient. Every device gets the same number of micro-batches (the last may be empty), so that none waits for ever.
    """
    ordered = sorted(step, key=lambda one: len(one.ids))
    share = ordered[rank::world]
    most = -(-len(ordered) // world)
    return [share[start : start + size] for start in range(0, most, size)]


def collate(examples: Sequence[Encoded], *, pad: int, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """A padded batch.

    Padding is on the left, so that all answers end together and logits are needed for the last `kept` positions only.

    Returns:
        input_ids, attention_mask, position_ids: (examples, tokens).
        labels: (examples, kept), kept = longest answer + 1; -100 where there is no loss. `labels[:, 1:]` are the tokens
            that the last `kept` positions' logits but the last one predict.
    """
    width = max(len(one.ids) for one in examples)
    kept = max(one.num_answer for one in examples) + 1
    ids = torch.full((len(examples), width), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full((len(examples), kept), IGNORE, dtype=torch.long)
    for row, one in enumerate(examples):
        ids[row, width - len(one.ids) :] = torch.tensor(one.ids)
        mask[row, width - len(one.ids) :] = 1
        labels[row, kept - one.num_answer :] = torch.tensor(one.ids[-one.num_answer :])
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    batch["position_ids"] = (mask.cumsum(-1) - 1).clamp_(min=0)
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def left_pad(prompts: Sequence[Sequence[int]], *, pad: int, device: torch.device | str) -> dict[str, torch.Tensor]:
    """Prompts for generation: (prompts, tokens), padded on the left."""
    width = max(len(ids) for ids in prompts)
    ids = torch.full((len(prompts), width), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, one in enumerate(prompts):
        ids[row, width - len(one) :] = torch.tensor(one, dtype=torch.long)
        mask[row, width - len(one) :] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
