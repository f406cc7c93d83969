"""Whether an engine's answers are a model's own: each token the greatest that whole forward passes give."""

from __future__ import annotations

from typing import Any

import torch

from clbench.evaluation.engines.engine import Batch, Engine, Place
from clbench.methods.asked import asked
from clbench.models.memory import is_exhausted


def refusal(engine: Engine, model: Any, sample: Batch, place: Place) -> str:
    """What is wrong with an engine's answers to a sample, if it is only that it fails; empty where nothing is."""
    try:
        return strays(model, sample, engine.write(model, sample), place)
    except Exception as error:  # whatever another library has against a model
        if is_exhausted(error):
            raise
        return told(error)


def told(error: Exception) -> str:
    """An error of another library in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"


def strays(model: Any, sample: Batch, written: list[list[int]], place: Place) -> str:
    """Where tokens are not the greatest of whole forward passes; empty where all are, but for rounding."""
    for prompt, new in zip(sample.prompts, written, strict=True):
        ids = torch.tensor([[*prompt, *new]], device=place.device)
        with asked(lambda prompt=prompt: [prompt]):
            logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
        chosen = logits.gather(-1, ids[0, len(prompt) :, None])[:, 0]
        short = (logits.max(-1).values - chosen) > place.loose * logits.std(-1)
        if bool(short.any()):
            return f"its token {int(short.nonzero()[0, 0]) + 1} is not the model's own"
    return ""
