"""How far a model's next-token distributions have moved from its base's: the Kullback-Leibler divergence a token.

KL(base ‖ tuned) = Σ_v p(v) (log p(v) − log q(v)), in nats, over the whole vocabulary, at every token of a text after
the first. It needs no answers and no labels, and moves before any score does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.data.formed import spread
from clbench.data.sources import TaskData
from clbench.forgetting.local import LocalModel

if TYPE_CHECKING:
    import torch

RECORDS = 16  # prompts of a probe, evenly spread
LENGTH = 512  # last tokens of a prompt; tokens of a piece of a text
PIECES = 32  # of a text, evenly spread
_ROWS = 64  # positions at once: of a vocabulary of 128,000 that is 33 MB a tensor


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


def different_words(base: LocalModel, tuned: LocalModel) -> str:
    """Why the two give no distributions over the same tokens; empty where they do."""
    first, second = (side.evaluator.encoder.tokenizer for side in (base, tuned))
    rows = [side.model.get_output_embeddings().weight.shape[0] for side in (base, tuned)]
    if first.get_vocab() != second.get_vocab() or rows[0] != rows[1]:
        return f"another vocabulary ({rows[0]} and {rows[1]} rows)" if rows[0] != rows[1] else "another vocabulary"
    return ""


def of_probe(base: LocalModel, tuned: LocalModel, data: TaskData) -> Divergence:
    """KL on a probe's prompts; on whole texts where there is nothing to ask, or their loss is the probe."""
    encoder, some = base.evaluator.encoder, spread(data.test, RECORDS)
    whole = data.task.measure == "loss"
    prompts = [one.prompt + one.answer if whole or not one.prompt else encoder.asked(one) for one in some]
    return divergence(base, tuned, encoder.prompts(prompts, limit=LENGTH))


def of_text(base: LocalModel, tuned: LocalModel, text: str) -> Divergence:
    """KL on pieces of a text."""
    encoder = base.evaluator.encoder
    (ids,) = encoder.tokens([text])
    pieces = [ids[start : start + LENGTH] for start in range(0, len(ids), LENGTH)]
    some = [pieces[index * len(pieces) // min(PIECES, len(pieces))] for index in range(min(PIECES, len(pieces)))]
    return divergence(base, tuned, [[*encoder.begin(one), *one] for one in some])


def divergence(base: LocalModel, tuned: LocalModel, texts: Sequence[Sequence[int]]) -> Divergence:
    """KL over texts of tokens, one by one, so that no padding plays a part."""
    sums = [(math.fsum(_each(base, tuned, ids)), len(ids)) for ids in texts if ids]
    total = sum(number for _, number in sums)
    mean = math.fsum(nats for nats, _ in sums) / total
    residuals = math.fsum((nats - mean * number) ** 2 for nats, number in sums)  # of a ratio of sums
    some = len(sums)
    error = math.sqrt(residuals * some / (some - 1)) / total if some > 1 else None
    return Divergence(mean, error, total)


def _each(base: LocalModel, tuned: LocalModel, ids: Sequence[int]) -> Iterator[float]:
    """KL at each token of one text."""
    before, after = (_logits(side, ids) for side in (base, tuned))
    for start in range(0, len(ids), _ROWS):
        p, q = (one[start : start + _ROWS].float().log_softmax(-1) for one in (before, after))
        yield from (p.exp() * (p - q)).sum(-1).clamp(min=0).double().tolist()


def _logits(side: LocalModel, ids: Sequence[int]) -> torch.Tensor:
    import torch

    from clbench.training.losses import autocast

    device, model = side.desk.accelerator.device, side.model
    model.eval()
    with torch.inference_mode(), autocast(side.desk.protocol, device):
        return model(input_ids=torch.tensor([list(ids)], device=device), use_cache=False).logits[0]


def drift(base: LocalModel, tuned: LocalModel) -> tuple[dict[str, Any], int]:
    """Parameter drift where shapes agree (`clbench.models.drift`), and how many tensors were left out."""
    from clbench.models.drift import measure

    own = dict(tuned.model.named_parameters())
    start = {
        name: one.detach().to("cpu")
        for name, one in base.model.named_parameters()
        if name in own and own[name].shape == one.shape
    }
    return measure(tuned.model, start), len(own) - len(start)
