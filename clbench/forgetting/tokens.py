"""How far the tuned model has moved from its base: its next-token distributions, and its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench.evaluation.divergence import LENGTH, Divergence, Logits, divergence, logits_of, texts_of
from clbench.models.bearing.window import readable

if TYPE_CHECKING:
    from clbench.data.sources import TaskData
    from clbench.forgetting.local import LocalModel

PIECES = 32  # of a text, evenly spread; a piece has as many tokens as a prompt


def different_words(base: LocalModel, tuned: LocalModel) -> str:
    """Why the two give no distributions over the same tokens; empty where they do."""
    first, second = (side.evaluator.encoder.tokenizer for side in (base, tuned))
    rows = [side.model.get_output_embeddings().weight.shape[0] for side in (base, tuned)]
    if first.get_vocab() != second.get_vocab() or rows[0] != rows[1]:
        return f"another vocabulary ({rows[0]} and {rows[1]} rows)" if rows[0] != rows[1] else "another vocabulary"
    return ""


def of_probe(base: LocalModel, tuned: LocalModel, data: TaskData) -> Divergence:
    """KL on a probe's prompts; on whole texts where there is nothing to ask, or their loss is the probe."""
    return divergence(logits(base), logits(tuned), texts_of(data, base.evaluator.encoder, base.model, tuned.model))


def of_text(base: LocalModel, tuned: LocalModel, text: str) -> Divergence:
    """KL on pieces of a text."""
    encoder = base.evaluator.encoder
    (ids,) = encoder.tokens([text])
    size = readable(base.model, tuned.model, most=LENGTH + len(encoder.prefix)) - len(encoder.prefix)
    pieces = [ids[start : start + size] for start in range(0, len(ids), size)]
    some = [pieces[index * len(pieces) // min(PIECES, len(pieces))] for index in range(min(PIECES, len(pieces)))]
    return divergence(logits(base), logits(tuned), [[*encoder.begin(one), *one] for one in some])


def logits(side: LocalModel) -> Logits:
    """Of a side."""
    return logits_of(side.model, protocol=side.desk.protocol, device=side.desk.accelerator.device)


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
