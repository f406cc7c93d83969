"""Blocks, linear layers and feed-forward parts, against what each architecture's paper or code calls them."""

import pytest
import torch
from torch import nn

from clbench.models.layers import blocks, feed_forward_layers, in_every_block, linear_layers, within_blocks
from clbench.testing.families import FAMILIES, family, make

VOCABULARY = 64
GATED = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
NEOX = ["mlp.dense_h_to_4h", "mlp.dense_4h_to_h"]
FEED_FORWARD = {
    "llama": GATED,
    "gpt2": ["mlp.c_fc", "mlp.c_proj"],
    "gpt_neox": NEOX,
    "opt": ["fc1", "fc2"],
    "bloom": NEOX,
    "mpt": ["ffn.up_proj", "ffn.down_proj"],
    "phi3": ["mlp.gate_up_proj", "mlp.down_proj"],
    "gemma2": GATED,
    "gptj": ["mlp.fc_in", "mlp.fc_out"],
    "rwkv": ["feed_forward.key", "feed_forward.receptance", "feed_forward.value"],
    "recurrent_gemma": ["mlp_block.gate_proj", "mlp_block.up_proj", "mlp_block.down_proj"],
    "lfm2": ["feed_forward.w1", "feed_forward.w3", "feed_forward.w2"],
    "falcon": NEOX,
}
LINEAR = {
    "gpt2": ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"],
    "phi3": ["self_attn.o_proj", "self_attn.qkv_proj", "mlp.gate_up_proj", "mlp.down_proj"],
    "olmoe": [f"self_attn.{one}_proj" for one in "qkvo"],
    "mamba": ["mixer.in_proj"],
    "mamba2": ["mixer.in_proj"],
}


def tiny(name):
    return make(family(name), vocabulary=VOCABULARY).eval()


@pytest.mark.parametrize("name", FEED_FORWARD)
def test_feed_forward_layers(name):
    model = tiny(name)
    assert within_blocks(model, feed_forward_layers(model)) == FEED_FORWARD[name]


@pytest.mark.parametrize("name", LINEAR)
def test_linear_layers(name):
    model = tiny(name)
    assert within_blocks(model, linear_layers(model)) == LINEAR[name]


@pytest.mark.parametrize("name", ["olmoe", "mixtral", "gpt_oss", "deepseek_v3", "granitemoe", "minimax"])
def test_experts_are_no_feed_forward_layers(name):
    with pytest.raises(ValueError, match=r"is a mixture of experts \(.*experts.*\), of which none sees every token"):
        feed_forward_layers(tiny(name))


@pytest.mark.parametrize("name", ["mamba", "mamba2"])
def test_a_state_space_model_has_none(name):
    with pytest.raises(ValueError, match="no feed-forward layers"):
        feed_forward_layers(tiny(name))


@pytest.mark.parametrize("one", FAMILIES[:17], ids=lambda one: one.model_type)
def test_every_linear_layer_is_called_in_training_and_none_is_the_head(one):
    model = make(one, vocabulary=VOCABULARY).train()
    layers = linear_layers(model)
    called = set()
    for name, layer in layers.items():
        layer.register_forward_hook(lambda *_, name=name: called.add(name))
    model(input_ids=torch.arange(3, 15)[None], use_cache=False)
    assert called == set(layers) != set()
    assert not any(layer is model.get_output_embeddings() for layer in layers.values())


def test_looking_changes_nothing():
    model = tiny("gpt2").train()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    state = torch.random.get_rng_state()
    feed_forward_layers(model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(4, 6), nn.Linear(6, 4)

    def forward(self, x):
        return self.down(self.up(x).relu())


class Mixture(nn.Module):
    """Experts as a list of modules, as models had them before they were fused."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(Part() for _ in range(9))

    def forward(self, x):
        return self.experts[0](x)


class Block(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.mix, self.part = nn.Linear(4, 4), part

    def forward(self, x):
        return self.part(x + self.mix(x).cumsum(1))


class Model(nn.Module):
    device = torch.device("cpu")

    def __init__(self, part, number=3):
        super().__init__()
        self.embeddings = nn.Embedding(20, 4)
        self.body = nn.ModuleList(Block(part()) for _ in range(number))
        self.others = nn.ModuleList(nn.Linear(1, 1) for _ in range(12))
        self.head = nn.Linear(4, 20)

    def forward(self, input_ids, use_cache):
        x = self.embeddings(input_ids)
        for block in self.body:
            x = block(x)
        return self.head(x)


def test_blocks_are_the_largest_list_and_not_the_longest_and_not_the_experts_inside():
    assert [name for name, _ in blocks(Model(Mixture))] == ["body.0", "body.1", "body.2"]
    assert blocks(nn.Linear(2, 2)) == []
    assert linear_layers(nn.Linear(2, 2)) == {}


def test_a_list_of_experts_is_a_mixture():
    with pytest.raises(ValueError, match=r"body\.0\.part is a mixture of experts \(experts\)"):
        feed_forward_layers(Model(Mixture))


def test_targets_must_be_in_every_block():
    model = Model(Part)
    assert in_every_block(model, ("up", "part.down"))
    assert not in_every_block(model, ("up", "down", "head"))
    assert not in_every_block(model, ("p",))
    model.body[1].part = nn.Linear(4, 4)
    assert not in_every_block(model, ("up",))
    assert not in_every_block(nn.Linear(2, 2), ("up",))
