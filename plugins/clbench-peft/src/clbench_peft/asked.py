"""What a pass of the model is asked, row by row: as the run says, or, where nobody says it, the rows themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from clbench import Run

Prompts = tuple[tuple[int, ...], ...]


def goes_on(ids: torch.Tensor, mask: torch.Tensor | None) -> bool:
    """Whether a pass continues rows that are in a cache already: its mask covers more than what it is given."""
    return ids.shape[1] < mask.shape[1] if mask is not None else ids.shape[1] == 1


def asked_by(run: Run, ids: torch.Tensor, kwargs: Mapping[str, Any]) -> Prompts | None:
    """Prompts of a pass's rows; None where it continues rows of which nobody said what they are asked.

    Another library that asks the model in a loop of its own says nothing. Its rows are then read as they stand, with
    what is to be scored in them.

    Args:
        run: under way.
        ids: tokens of the pass (rows, tokens).
        kwargs: of the pass; `attention_mask` is looked at.
    """
    if (told := run.prompts) is not None:
        return told
    mask = kwargs.get("attention_mask")
    if goes_on(ids, mask):
        return None
    kept = torch.ones_like(ids) if mask is None else mask
    return tuple(tuple(row[held.bool()].tolist()) for row, held in zip(ids, kept, strict=True))
