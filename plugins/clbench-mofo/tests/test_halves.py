"""Which tensors half fine-tuning freezes, by names alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import OptionError
from clbench_mofo.halves import frozen_half

ATTENTION, FEED_FORWARD = ("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj")
NORMS = ("input_layernorm", "post_attention_layernorm")


def llama(layers, *, bias=(), norms=NORMS, more=()):
    names = ["model.embed_tokens.weight"]
    for number in range(layers):
        modules = [*(f"self_attn.{one}" for one in ATTENTION), *(f"mlp.{one}" for one in FEED_FORWARD), *norms, *more]
        for module in modules:
            names.append(f"model.layers.{number}.{module}.weight")
            if module.endswith(tuple(bias)):
                names.append(f"model.layers.{number}.{module}.bias")
    return [*names, "model.norm.weight", "lm_head.weight"]


def test_exact_set_of_one_seed():
    """What a seed freezes is part of a run's identity: a change here changes every recorded run."""
    assert sorted(frozen_half(llama(2), random.Random(0))) == EXACT


EXACT = [
    "model.layers.0.mlp.up_proj.weight",
    "model.layers.0.post_attention_layernorm.weight",
    "model.layers.0.self_attn.o_proj.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.1.input_layernorm.weight",
    "model.layers.1.mlp.down_proj.weight",
    "model.layers.1.mlp.up_proj.weight",
    "model.layers.1.self_attn.k_proj.weight",
    "model.layers.1.self_attn.o_proj.weight",
]


@given(st.integers(1, 14), st.integers(0, 1000))
def test_the_rule(layers, seed):
    frozen = frozen_half(llama(layers), random.Random(seed))
    counts = Counter()
    for name in frozen:
        _, _, number, *_, leaf, _ = name.split(".")
        kind = "norm" if "norm" in leaf else "attention" if leaf in ATTENTION else "feed_forward"
        counts[int(number), kind] += 1
    assert all(counts[number, "attention"] == 2 and counts[number, "norm"] == 1 for number in range(layers))
    feed_forward = [counts[number, "feed_forward"] for number in range(layers)]
    assert sorted(feed_forward) == [1] * (layers - layers // 2) + [2] * (layers // 2)


def test_every_module_is_frozen_in_half_of_the_draws():
    draws = 400
    counts = Counter(name for seed in range(draws) for name in frozen_half(llama(2), random.Random(seed)))
    assert set(counts) == {name for name in llama(2) if ".layers." in name}
    assert all(abs(count / draws - 0.5) < 0.1 for count in counts.values()), counts  # 4 standard deviations


def test_a_bias_goes_with_its_weight():
    names = llama(4, bias=("q_proj", "k_proj", "v_proj"))
    frozen = frozen_half(names, random.Random(3))
    assert any(name.endswith("bias") for name in frozen)
    for name in names:
        if name.endswith("bias"):
            assert (name in frozen) == (name.removesuffix("bias") + "weight" in frozen)
    weights = {name for name in frozen if name.endswith("weight")}
    assert weights == frozen_half(llama(4), random.Random(3))


def test_four_norms_and_norms_inside_attention():
    norms = (*NORMS, "pre_feedforward_layernorm", "post_feedforward_layernorm")  # Gemma 2
    frozen = frozen_half(llama(3, norms=norms, more=("self_attn.q_norm", "self_attn.k_norm")), random.Random(0))
    assert sum("layernorm" in name for name in frozen) == 3 * 2
    assert not [name for name in frozen if "q_norm" in name or "k_norm" in name]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["transformer.wte.weight", "transformer.h.0.attn.c_attn.weight"], r"hft: 'transformer\.wte\.weight' is none"),
        ([*llama(1), "model.layers.0.self_attn.qkv_proj.weight"], r"qkv_proj\.weight' is none"),
        ([*llama(1), "model.layers.0.mlp.experts.0.w1.weight"], r"w1\.weight' is none"),
        (["m.layers.0.self_attn.q_proj.lora_A.default.weight"], r"lora_A\.default\.weight' is none"),
        ([name for name in llama(2) if "1.mlp.up_proj" not in name], "layer 1 lacks"),
        (["lm_head.weight"], "has no layers"),
    ],
)
def test_other_families_are_refused(names, message):
    with pytest.raises(OptionError, match=message):
        frozen_half(names, random.Random(0))
