"""How many tokens a model takes, and whether more are an error: held against what each architecture does with more."""

import dataclasses

import pytest
import torch

from clbench.models.bearing.window import SIZES, WINDOW, is_bounded, reserve, window
from clbench.testing.families import FAMILIES, family, make

LONG = 48
CAUSAL = [one for one in FAMILIES if one.causal]


def small_of(one, tokens=32):
    settings = {key: tokens if key in SIZES else value for key, value in one.settings.items()}
    return make(dataclasses.replace(one, settings=settings), vocabulary=64).eval()


@pytest.mark.parametrize("one", CAUSAL, ids=lambda one: one.model_type)
def test_bounded_is_what_fails_beyond_its_window(one):
    model, ids = small_of(one), torch.arange(LONG)[None] % 60 + 3
    assert window(model) == (32 if set(one.settings) & set(SIZES) else WINDOW) or one.model_type == "rwkv"
    with torch.inference_mode():
        model(input_ids=ids[:, :32], use_cache=False)
        try:
            model(input_ids=ids, use_cache=False)
        except (IndexError, RuntimeError):
            failed = True
        else:
            failed = False
    assert is_bounded(model) == failed


def test_virtual_tokens_take_room_from_what_ends_and_from_nothing_else():
    for name, left in (("gpt2", 27), ("llama", 32)):
        model = small_of(family(name))
        reserve(model, 5)
        assert window(model) == left, name
