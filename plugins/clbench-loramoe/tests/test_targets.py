"""Where experts stand if nobody says where: beside the feed-forward layers, whatever the architecture calls them."""

from __future__ import annotations

import pytest
import small
import torch

from clbench.base.errors import OptionError
from clbench.testing.families import family, make, save
from clbench_loramoe import clbench_methods
from clbench_loramoe.adapter import add_to, fitting, layers_of, load
from clbench_loramoe.adapter import save as save_experts
from clbench_loramoe.config import ExpertConfig

(SPEC,) = (one for one in clbench_methods() if one.name == "loramoe")
IDS = torch.arange(3, 20)[None]
EXPECTED = {
    "llama": {"gate_proj", "up_proj", "down_proj"},
    "gpt2": {"c_fc", "c_proj"},
    "gpt_neox": {"dense_h_to_4h", "dense_4h_to_h"},
    "opt": {"fc1", "fc2"},
    "phi3": {"gate_up_proj", "down_proj"},
    "deepseek_v3": {"gate_proj", "up_proj", "down_proj"},
}


def tiny(name):
    return make(family(name), vocabulary=320).eval()


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.mark.parametrize("name", EXPECTED)
def test_experts_stand_beside_the_feed_forward_layers(name):
    model = tiny(name)
    before = logits(model)
    SPEC.create({}).prepare_model(model)
    layers = layers_of(model)
    assert {one.rpartition(".")[2] for one in layers} == EXPECTED[name]
    assert not any("att" in one for one in layers)
    assert torch.equal(logits(model), before)


def test_on_llama_the_configuration_stays_what_it_is():
    config = ExpertConfig()
    assert fitting(tiny("llama"), config) is config
    assert fitting(tiny("gpt2"), ExpertConfig(targets=("c_fc",))).targets == ("c_fc",)


def test_what_was_chosen_is_recorded_and_said_once(tmp_path):
    folder = save(family("gpt2"), tmp_path / "gpt2", tokenizer=small.byte_level())
    trainer = small.make_trainer(folder, method=SPEC.create())
    assert trainer.run.notes["loramoe"] == {"layers": 4, "targets": ["mlp.c_fc", "mlp.c_proj"]}
    said = "loramoe: targets were chosen for this model: mlp.c_fc, mlp.c_proj (its feed-forward layers)"
    assert trainer.run.warnings[said] == 1
    trainer.make_optimizer()
    assert trainer.run.warnings[said] == 1


def test_chosen_experts_are_saved_and_loaded(tmp_path):
    model = tiny("gpt2")
    add_to(model, fitting(model, ExpertConfig()))
    for layer in layers_of(model).values():
        torch.nn.init.normal_(layer.up, std=0.1)
    save_experts(model, tmp_path)
    assert torch.equal(logits(load(tiny("gpt2"), tmp_path)), logits(model))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("olmoe", {}, "is a mixture of experts (experts.gate_up_proj), of which none sees every token"),
        ("mamba", {}, "its blocks have no feed-forward layers"),
        ("gpt2", {"targets": ["gate_proj"]}, "the model has no layer 'gate_proj'"),
    ],
)
def test_what_cannot_work_is_refused_with_what_could(name, options, said):
    with pytest.raises(OptionError, match=r"^-o loramoe\.targets: ") as error:
        SPEC.create(options).prepare_model(tiny(name))
    assert said in str(error.value)
    assert "the linear layers of its blocks: " in str(error.value)
