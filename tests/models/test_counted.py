"""What a token is said to cost beside what a pass holds, counted on tensors without content."""

from types import SimpleNamespace

import fakes
import pytest
import torch

from clbench.models import memory
from clbench.models.loading import recompute

SHAPES = {
    "tiny": {"hidden_size": 128, "intermediate_size": 384, "num_attention_heads": 4, "vocab_size": 2048},
    "smollm2": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49_152,
    },
    "tinyllama": {**fakes.TINYLLAMA, "vocab_size": 32_000},
}
LAYERS, ROWS, WIDTH = 6, 8, 512


def learns_first(model):
    """A gradient that goes through all layers, and next to none that is kept."""
    model.requires_grad_(False)
    model.model.layers[0].input_layernorm.weight.requires_grad_(True)
    return model


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("recomputed", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_costs_are_near_what_is_held(shape, recomputed, half):
    def prepare(model):
        if recomputed:
            recompute(model)
        return learns_first(model)

    texts = fakes.batch(rows=ROWS, width=WIDTH, answer=40)
    dtype = torch.bfloat16 if half else torch.float32
    with fakes.llama(prepare, dtype=dtype, layers=LAYERS, **SHAPES[shape]) as model:
        held = fakes.step(model, texts, half=half)
        weights = sum(one.numel() * one.element_size() for one in model.parameters())
        said = memory.costs(SimpleNamespace(config=model.config), width=WIDTH, recomputed=recomputed, half=half).learned
    assert 0.75 < said / ((held.most - weights) / (ROWS * WIDTH)) < 2
