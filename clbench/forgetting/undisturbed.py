"""A model in training is asked, and its training goes on to the bit as if nobody had asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from clbench.models.loading import use_greedy_decoding
from clbench.training import runstate


@contextlib.contextmanager
def undisturbed(model: Any, tokenizer: Any) -> Iterator[None]:
    """Greedy decoding without dropout; modes, random states and settings are afterwards what they were.

    Args:
        model: in training.
        tokenizer: of it.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = next(model.parameters()).device
    modes = [(module, module.training) for module in model.modules()]
    states, settings = runstate.random_states(device), inner.generation_config
    try:
        model.eval()
        use_greedy_decoding(model, tokenizer, name=type(inner).__name__)
        inner.generation_config = model.generation_config
        yield
    finally:
        model.generation_config = inner.generation_config = settings
        for module, mode in modes:
            module.training = mode
        runstate.set_random_states(states, device)


def without_adapter(model: Any) -> contextlib.AbstractContextManager[Any]:
    """The base below an adapter; the model as it is, where there is none."""
    return model.disable_adapter() if hasattr(model, "disable_adapter") else contextlib.nullcontext()
