"""Shapes count what the models that are built of them have."""

import pytest
import torch

from clbench.models.loading import BUNDLED, describe
from clbench.speed.shapes import SHAPES, build


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_of_the_model(name):
    shape = SHAPES[name]
    model = build(shape, device="meta", end=1, pad=0)
    assert sum(p.numel() for p in model.parameters()) == shape.parameters


def test_the_bundled_models_shape_is_its_configuration():
    import json
    from pathlib import Path

    config = json.loads((Path(describe(BUNDLED).location) / "config.json").read_text())
    shape = SHAPES["tiny"]
    assert (shape.hidden, shape.inner, shape.layers, shape.vocabulary) == (
        config["hidden_size"],
        config["intermediate_size"],
        config["num_hidden_layers"],
        config["vocab_size"],
    )
    assert (shape.heads, shape.kv, shape.tied) == (
        config["num_attention_heads"],
        config["num_key_value_heads"],
        config["tie_word_embeddings"],
    )


def test_a_model_is_the_same_each_time():
    one, other = (build(SHAPES["tiny"], device="cpu", end=1, pad=0) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))
