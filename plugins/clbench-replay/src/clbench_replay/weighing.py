"""Rows of several kinds in one step, each kind with a loss that is a mean over its own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clbench.data.tokenising import Encoded


def weighed(parts: Sequence[tuple[Sequence[Encoded], float]]) -> list[Encoded]:
    """Rows whose mean loss over all tokens is Σ strength · (mean over the part's own tokens).

    Args:
        parts: rows, and the strength of their mean.
    """
    tokens = [sum(one.num_answer for one in rows) for rows, _ in parts]
    return [
        replace(one, weight=strength * sum(tokens) / own)
        for (rows, strength), own in zip(parts, tokens, strict=True)
        for one in rows
    ]
