"""Defaults that come from the model: what each architecture's adapters stand at, and what is said of that."""

from __future__ import annotations

import pytest
import small
import torch

from clbench.base.errors import OptionError
from clbench.testing.families import family, make
from clbench_peft import clbench_methods
from clbench_peft.inject import adapted_layers

SPECS = {spec.name: spec for spec in clbench_methods()}
TOKENS = torch.arange(3, 43)[None]
llama = small.llama
EXPECTED = {
    "llama": ({"q_proj", "v_proj"}, ""),
    "qwen3": ({"q_proj", "v_proj"}, ""),
    "olmoe": ({"q_proj", "v_proj"}, ""),
    "gpt2": ({"c_attn"}, "peft's for this architecture"),
    "gpt_neox": ({"query_key_value"}, "peft's for this architecture"),
    "mpt": ({"Wqkv"}, "peft's for this architecture"),
    "rwkv": ({"key", "value", "receptance", "output"}, "peft's for this architecture"),
    "phi3": ({"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}, "all linear layers of its blocks"),
    "mamba": ({"in_proj"}, "all linear layers of its blocks"),
    "recurrent_gemma": (
        {f"{one}_proj" for one in ("q", "k", "v", "o", "gate", "up", "down")} | {"linear_x", "linear_y", "linear_out"},
        "all linear layers of its blocks",
    ),
}


def tiny(name):
    return make(family(name), vocabulary=320).eval()


def prepared(method, model, **options):
    method = SPECS[method].create(options)
    method.prepare_model(model)
    return method, {name.rpartition(".")[2] for name in adapted_layers(model)}


@pytest.mark.parametrize("name", EXPECTED)
def test_lora_chooses_its_layers_by_the_model(name):
    model = tiny(name)
    with torch.no_grad():
        before = model(TOKENS).logits
    method, adapted = prepared("lora", model)
    wanted, why = EXPECTED[name]
    assert adapted == wanted
    said = [one for one in method._warnings if "targets were chosen" in one]
    assert bool(said) == bool(why)
    assert not said or why in said[0]
    assert not [one for one in method._warnings if "fan_in_fan_out" in one]
    with torch.no_grad():
        assert torch.equal(model(TOKENS).logits, before)


def test_what_was_chosen_is_recorded_and_said_once(tmp_path):
    model = family("gpt_neox")
    from clbench.testing.families import save

    folder = save(model, tmp_path / "neox", tokenizer=small.byte_level())
    trainer = small.make_trainer(folder, method=SPECS["lora"].create())
    assert trainer.run.notes["lora"] == {"layers": 2, "targets": ["attention.query_key_value"]}
    (said,) = trainer.run.warnings
    assert said == (
        "lora: targets were chosen for this model: attention.query_key_value (peft's for this architecture)"
    )
    trainer.make_optimizer()
    assert trainer.run.warnings == {said: 1}


def test_on_llama_nothing_is_said(llama):
    trainer = small.make_trainer(llama, method=SPECS["lora"].create())
    assert trainer.run.notes["lora"] == {"layers": 4, "targets": ["self_attn.q_proj", "self_attn.v_proj"]}
    assert trainer.run.warnings == {}


@pytest.mark.parametrize("name", ["olora", "dora"])
def test_gpt2s_layers_take_these_too(name):
    assert prepared(name, tiny("gpt2"))[1] == {"c_attn"}


def test_olora_folds_into_a_transposed_weight():
    """Conv1D keeps (inputs, outputs): the folded model gives what the unfolded one gave."""
    model = tiny("gpt2")
    method, _ = prepared("olora", model, dropout=0)
    for layer in adapted_layers(model).values():
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.1)
    with torch.no_grad():
        before = model(TOKENS).logits
        for layer in adapted_layers(model).values():
            layer.get_base_layer().weight.add_(layer.get_delta_weight("default"))
            layer.lora_B["default"].weight.zero_()
        torch.testing.assert_close(model(TOKENS).logits, before, rtol=1e-4, atol=1e-4)
    assert method.footprint().extra_parameters == 2 * 8 * (32 + 96)


def test_osf_on_llama_is_all_linear_layers_but_the_head():
    default, given = tiny("llama"), tiny("llama")
    prepared("osf", default)
    prepared("osf", given, targets="all-linear")
    one, other = default.state_dict(), given.state_dict()
    assert list(one) == list(other)
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", ["phi3", "mixtral", "mamba"])
def test_peft_finds_layers_where_its_library_knows_none(name):
    assert prepared("peft", tiny(name))[1] == {"mamba": {"in_proj"}, "mixtral": {"q_proj", "v_proj"}}.get(
        name, EXPECTED["phi3"][0]
    )


@pytest.mark.parametrize(
    ("method", "model", "options", "said"),
    [
        ("osf", "gpt2", {}, "peft's OSF takes none of these layers (they are Conv1D; lora, dora and olora take them)"),
        ("lora", "gpt2", {"targets": ["q_proj"]}, "the linear layers of this model's blocks: attn.c_attn, attn.c_proj"),
        ("lora", "olmoe", {"targets": "all-linear"}, "fused experts take an adapter without dropout only"),
        ("dora", "olmoe", {"targets": "all-linear", "dropout": 0}, "self_attn.q_proj"),
        (
            "olora",
            "olmoe",
            {"targets": "all-linear", "dropout": 0},
            "is no linear layer with a weight of its own; the linear layers",
        ),
        ("peft", "phi3", {"tuner": "IA3"}, "feedforward_modules"),
        ("peft", "phi3", {"tuner": "LN_TUNING"}, "peft knows no norms of this architecture"),
        ("lora", "mamba", {"targets": ["out_proj"]}, "incompatible with Mamba"),
    ],
)
def test_what_cannot_work_is_refused_with_what_could(method, model, options, said):
    with pytest.raises(OptionError, match=f"^-o {method}") as error:
        prepared(method, tiny(model), **options)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
