"""Experts on whole models: what is replaced and frozen, what is computed, what is saved."""

from __future__ import annotations

import json

import pytest
import small
import torch
from safetensors.torch import load_file, save_file

from clbench.base.errors import ModelError
from clbench.models import drift
from clbench_loramoe.adapter import add_to, layers_of, load, save
from clbench_loramoe.config import ExpertConfig

GPT2 = ("c_fc", "mlp.c_proj")
IDS = torch.randint(3, 300, (3, 11), generator=torch.Generator().manual_seed(0))
MASK = torch.ones_like(IDS)
MASK[0, :6] = 0
MASK[1, :2] = 0


def make_llama():
    return small.make_llama(320).eval()


def logits(model):
    with torch.no_grad():
        return model(IDS, attention_mask=MASK).logits


def trained(model, *, seed=0):
    """Experts that do something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers_of(model).values():
            layer.up.normal_(std=0.1, generator=generator)
    return model


@pytest.mark.parametrize(("make", "targets"), [(make_llama, None), (lambda: small.make_gpt2(320).eval(), GPT2)])
def test_at_first_the_logits_are_the_base_models_bit_for_bit(make, targets):
    model = make()
    before, base = logits(model), drift.snapshot(model)
    config = ExpertConfig() if targets is None else ExpertConfig(targets=targets)
    layers = add_to(model, config)
    assert len(layers) == (6 if targets is None else 4)
    assert torch.equal(logits(model), before)
    assert {p for p in model.parameters() if p.requires_grad} == {
        p for layer in layers.values() for p in (layer.down, layer.up, layer.router)
    }
    assert drift.measure(model, base)["moved"] == 0
    assert len(drift.measure(model, base)["blocks"]) == len({drift.block_of(name) for name in base})
    assert not torch.equal(logits(trained(model)), before)


def test_attention_is_left_alone_in_gpt2():
    model = small.make_gpt2(320)
    add_to(model, ExpertConfig(targets=GPT2))
    assert sorted(layers_of(model)) == sorted(
        f"transformer.h.{block}.mlp.{leaf}" for block in (0, 1) for leaf in ("c_fc", "c_proj")
    )


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("gate_prj",), r"the model has no layer 'gate_prj'; did you mean 'gate_proj'"),
        (("gate_proj", "c_fc"), r"the model has no layer 'c_fc'; there is down_proj, gate_proj"),
        (("mlp",), r"model\.layers\.0\.mlp is a LlamaMLP, and no linear layer"),
    ],
)
def test_wrong_targets_are_named_and_change_nothing(targets, said):
    model = make_llama()
    with pytest.raises(ValueError, match=said):
        add_to(model, ExpertConfig(targets=targets))
    assert not layers_of(model)
    assert all(p.requires_grad for p in model.parameters())


def test_generation_with_a_cache_is_generation_without():
    model = make_llama()
    add_to(model, ExpertConfig())
    trained(model)
    for layer in layers_of(model).values():
        layer.recording = "training"
    texts = [
        model.generate(IDS, attention_mask=MASK, max_new_tokens=8, do_sample=False, use_cache=cached)
        for cached in (True, False)
    ]
    assert torch.equal(*texts)
    assert texts[0].shape[1] > IDS.shape[1]
    assert all(layer.routed is None for layer in layers_of(model).values())


def test_checkpointed_activations_give_the_same_gradients():
    found = []
    for checkpointed in (False, True):
        model = make_llama().train()
        if checkpointed:
            model.activation_checkpointing_enable()
        torch.manual_seed(0)
        layers = trained_layers(model)
        output = model(IDS, attention_mask=MASK, use_cache=False)
        routed = [layer.take_routed() for layer in layers.values()]
        (output.logits.square().mean() + sum(one.square().mean() for one in routed)).backward()
        found.append([p.grad for p in model.parameters() if p.requires_grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def trained_layers(model):
    layers = add_to(model, ExpertConfig(dropout=0))
    trained(model)
    for layer in layers.values():
        layer.recording = "training"
    return layers


def test_saved_and_loaded_the_logits_are_the_same_bit_for_bit(tmp_path):
    model = make_llama()
    config = ExpertConfig(experts=4, rank=2, dropout=0.1, dropout_mask="per-expert", targets=("up_proj", "down_proj"))
    add_to(model, config)
    save(trained(model), tmp_path / "experts")
    assert sorted(path.name for path in (tmp_path / "experts").iterdir()) == ["experts.json", "experts.safetensors"]
    again = load(make_llama(), tmp_path / "experts")
    assert torch.equal(logits(again), logits(model))
    assert {layer.config for layer in layers_of(again).values()} == {config}
    assert sum(p.numel() for p in again.parameters() if p.requires_grad) == sum(
        tensor.numel() for tensor in load_file(tmp_path / "experts" / "experts.safetensors").values()
    )


def damaged(tmp_path, how):
    model = make_llama()
    add_to(model, ExpertConfig(targets=("up_proj",)))
    save(model, tmp_path)
    tensors, config = load_file(tmp_path / "experts.safetensors"), json.loads((tmp_path / "experts.json").read_text())
    name = "model.layers.1.mlp.up_proj.router"
    if how == "lacks":
        del tensors[name]
    elif how == "more":
        tensors["model.layers.9.mlp.up_proj.router"] = tensors[name].clone()
    elif how == "shape":
        tensors[name] = tensors[name][:, :5].contiguous()
    elif how == "torn":
        (tmp_path / "experts.safetensors").write_bytes(b"torn")
        return
    else:
        config |= how
    save_file(tensors, tmp_path / "experts.safetensors")
    (tmp_path / "experts.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("lacks", r"the file lacks model\.layers\.1\.mlp\.up_proj\.router"),
        ("more", r"the model has no place for model\.layers\.9"),
        ("shape", "size mismatch for router"),
        ("torn", "header"),
        ({"version": 2}, "not of version 1"),
        ({"groups": 4}, "groups: 6 experts do not divide into 4 groups"),
        ({"targets": ["c_fc"]}, "the model has no layer 'c_fc'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, how, said):
    damaged(tmp_path, how)
    with pytest.raises(ModelError, match=said):
        load(make_llama(), tmp_path)


def test_missing_files_and_models_without_experts_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"experts\.json"):
        load(make_llama(), tmp_path)
    with pytest.raises(ModelError, match="no experts"):
        save(make_llama(), tmp_path)
