"""How far a model's next-token distributions have moved from its base's: the Kullback-Leibler divergence a token.

KL(base ‖ tuned) = Σ_v p(v) (log p(v) − log q(v)), in nats, over the whole vocabulary, at every token of a text after
the first. It needs no answers and no labels, and moves before any score does. How much a training forgets has been
found to go with it (arXiv 2509.04259).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clbench.data.formed import spread
from clbench.methods.asked import asked
from clbench.models.bearing.window import readable

if TYPE_CHECKING:
    import torch

    from clbench.data.sources import TaskData
    from clbench.data.tokenising import Encoder
    from clbench.spec.protocol import Protocol

RECORDS = 16  # prompts of a probe or task, evenly spread
LENGTH = 512  # last tokens of a prompt
_ROWS = 64  # positions at once: of a vocabulary of 128,000 that is 33 MB a tensor

Logits = Callable[[Sequence[int]], "torch.Tensor"]
"""Tokens of a text to a row of logits for each."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """KL from the base to the tuned model on some texts.

    Args:
        nats: mean a token.
        error: its standard error over the texts; None for one text.
        tokens: how many.
    """

    nats: float
    error: float | None
    tokens: int


def texts_of(data: TaskData, encoder: Encoder, *models: Any) -> list[list[int]]:
    """Tokens of a sample of prompts; of whole texts where there is nothing to ask, or their loss is measured.

    Args:
        data: of a probe or task.
        encoder: text to tokens.
        models: that are to read them.
    """
    whole = data.task.measure == "loss"
    some = spread(data.test, RECORDS)
    prompts = [one.prompt + one.answer if whole or not one.prompt else encoder.asked(one) for one in some]
    return encoder.prompts(prompts, limit=readable(*models, most=LENGTH))


def divergence(base: Logits, tuned: Logits, texts: Sequence[Sequence[int]]) -> Divergence:
    """KL over texts of tokens, one by one, so that no padding plays a part."""
    sums = [(math.fsum(_each(base(ids), tuned(ids))), len(ids)) for ids in texts if ids]
    total = sum(number for _, number in sums)
    mean = math.fsum(nats for nats, _ in sums) / total
    residuals = math.fsum((nats - mean * number) ** 2 for nats, number in sums)  # of a ratio of sums
    some = len(sums)
    error = math.sqrt(residuals * some / (some - 1)) / total if some > 1 else None
    return Divergence(mean, error, total)


def together(parts: Sequence[Divergence]) -> float:
    """The mean a token over all parts; 0 where there is none."""
    total = sum(one.tokens for one in parts)
    return math.fsum(one.nats * one.tokens for one in parts) / total if total else 0.0


def _each(before: torch.Tensor, after: torch.Tensor) -> Iterator[float]:
    """KL at each token of one text."""
    for start in range(0, len(before), _ROWS):
        p, q = (one[start : start + _ROWS].float().log_softmax(-1) for one in (before, after))
        yield from (p.exp() * (p - q)).sum(-1).clamp(min=0).double().tolist()


def logits_of(model: Any, *, protocol: Protocol, device: torch.device) -> Logits:
    """A model's, in the precision in which it is asked."""
    return partial(_logits, model, protocol, device)


def _logits(model: Any, protocol: Protocol, device: torch.device, ids: Sequence[int]) -> torch.Tensor:
    import torch

    from clbench.training.losses import autocast

    model.eval()
    with torch.inference_mode(), autocast(protocol, device), asked(lambda: [ids]):
        return model(input_ids=torch.tensor([list(ids)], device=device), use_cache=False).logits[0]
