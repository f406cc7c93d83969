"""What lm-eval would leave behind it: output, moved generators, a changed model or tokenizer."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import random
import warnings
from collections.abc import Iterator
from typing import Any

SEEDS = {"random": 0, "numpy": 1234, "torch": 1234, "shots": 1234}  # lm-eval's own defaults


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed, logged, warned of, or shown as a bar."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _no_bars():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    from tqdm import tqdm

    own = tqdm.__init__

    def hidden(self: Any, *args: Any, **kwargs: Any) -> None:
        own(self, *args, **(kwargs | {"disable": True}))

    tqdm.__init__ = hidden
    try:
        yield
    finally:
        tqdm.__init__ = own


@contextlib.contextmanager
def own_randomness() -> Iterator[None]:
    """The global generators begin with lm-eval's seeds, and go on afterwards as if nothing had been drawn."""
    import numpy as np
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            random.seed(SEEDS["random"])
            np.random.seed(SEEDS["numpy"])
            torch.manual_seed(SEEDS["torch"])
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


@contextlib.contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Every module keeps its mode; and weights are not tied again, as a method may have parted them."""
    modes = [(part, part.training) for part in model.modules()]
    own = vars(model).get("tie_weights")
    model.tie_weights = lambda *args, **kwargs: None
    try:
        yield
    finally:
        del model.tie_weights
        if own is not None:
            model.tie_weights = own
        for part, training in modes:
            part.training = training


def own_tokenizer(tokenizer: Any) -> Any:
    """A copy that lm-eval may change; it pads as clbench does."""
    made = copy.deepcopy(tokenizer)
    if made.pad_token_id is None:  # lm-eval might add one that the model has no embedding for
        made.pad_token = made.eos_token
    return made
