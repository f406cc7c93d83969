"""Models in fewer bits: what becomes of their tensors, gradients through frozen layers, and what is refused."""

import sys

import pytest
import small
import torch

from clbench.base.errors import ModelError
from clbench.models import weights as kept
from clbench.models.layers import linear_layers
from clbench.models.loading import describe, load_model
from clbench.spec.protocol import Runtime

LOOSE = {"frozen-bf16": 0.01, "frozen-int8": 0.02, "frozen-nf4": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = small.byte_level()
    return small.save(tmp_path_factory.mktemp("wide"), small.make_llama(len(tokenizer), width=64, inner=128), tokenizer)


def load(folder, weights="fp32"):
    return load_model(describe(str(folder)), device="cpu", runtime=Runtime(), weights=weights).model


def asked(model):
    """Logits of one text, with the gradient of its embeddings."""
    vectors = model.get_input_embeddings()(torch.arange(5, 25)[None]).detach().float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(inputs_embeds=vectors, use_cache=False).logits.float()
    (gradient,) = torch.autograd.grad(logits.square().mean(), vectors)
    return logits.detach(), gradient


@pytest.mark.parametrize("weights", LOOSE)
def test_each_layer_and_its_gradient_are_near_those_of_fp32(folder, weights):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("torchao")
    exact, found = linear_layers(load(folder)), linear_layers(load(folder, weights))
    for name, layer in exact.items():
        x = torch.randn(7, layer.in_features, generator=torch.Generator().manual_seed(0))
        results = []
        for one in (layer, found[name]):
            leaf = x.clone().requires_grad_()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=one is not layer):
                y = one(leaf).float()
            results.append((y.detach(), torch.autograd.grad(y.square().sum(), leaf)[0]))
        for right, other in zip(*results, strict=True):
            assert 0 < float((right - other).norm() / right.norm()) < LOOSE[weights]


@pytest.mark.parametrize("weights", ["frozen-int8", "frozen-nf4"])
def test_an_evaluation_leaves_gradients_as_they_were(folder, weights):
    """bitsandbytes packs nf4 anew at the first evaluation on some CPUs, after which no gradient came back."""
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("torchao")
    model = load(folder, weights)
    before = asked(model)
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        model.generate(torch.arange(5, 25)[None], max_new_tokens=3)
    assert all(torch.equal(one, other) for one, other in zip(before, asked(model), strict=True))


@pytest.mark.parametrize("weights", ["bf16", "frozen-bf16", "frozen-int8", "frozen-nf4"])
def test_layers_of_the_blocks_are_quantised_and_nothing_else(folder, weights):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("torchao")
    model = load(folder, weights)
    inner = {id(p) for layer in linear_layers(model).values() for p in layer.parameters()}
    kinds = {type(p.data).__name__: p.dtype for p in model.parameters() if id(p) in inner}
    few = {"frozen-int8": {"Int8Tensor": torch.bfloat16}, "frozen-nf4": {"Tensor": torch.uint8}}
    assert kinds == few.get(weights, {"Tensor": torch.bfloat16})
    assert {p.dtype for p in model.parameters() if id(p) not in inner} == {torch.bfloat16}
    positions = [one for name, one in model.named_buffers() if "inv_freq" in name]
    assert positions, "the model has rotary positions"
    assert all(one.dtype == torch.float32 for one in positions)


def test_what_cannot_be_quantised_is_told(folder, llama, gpt2, monkeypatch):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("torchao")
    with pytest.raises(ModelError, match=r"mlp.down_proj has 48 inputs|q_proj has 32 inputs, no multiple of 64"):
        load(llama, "frozen-nf4")
    with pytest.raises(ModelError, match="is a Conv1D, which cannot be quantised"):
        load(gpt2, "frozen-int8")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match=r"needs bitsandbytes.*: python -m pip install 'clbench\[quantised\]'"):
        load(folder, "frozen-nf4")


def test_fp32_stays_what_it_was(folder):
    model = load(folder)
    kept.cast(model, "fp32")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
