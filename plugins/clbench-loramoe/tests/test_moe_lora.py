"""`moe-lora`: its layer against a loop over experts, its size against one LoRA's, options, a whole run."""

import pytest
import small
import torch

from clbench.base.errors import OptionError
from clbench_loramoe import clbench_methods
from clbench_loramoe.moe_lora import MoeLora, MoeLoraOptions

llama = small.llama
(SPEC,) = (one for one in clbench_methods() if one.name == "moe-lora")


@pytest.fixture(scope="module")
def prepared(llama):
    torch.manual_seed(0)
    method = MoeLora(MoeLoraOptions(experts=4, rank=8, alpha=16))
    return method, small.make_trainer(llama, method=method).run.model.eval()


def test_a_layer_is_the_loop_over_its_experts(prepared):
    method, _ = prepared
    layer = next(iter(method._layers.values()))
    with torch.no_grad():
        layer.up.normal_(std=0.2)
    x = torch.randn(2, 5, layer.base_layer.in_features)
    gates = (x @ layer.router.T).softmax(-1)
    wanted = layer.base_layer(x)
    for i in range(4):
        a, b = layer.down[2 * i : 2 * i + 2], layer.up[:, 2 * i : 2 * i + 2]
        wanted = wanted + 16 / 8 * gates[..., i, None] * (x @ a.T @ b.T)
    torch.testing.assert_close(layer(x), wanted)


def test_it_has_the_parameters_of_one_lora_and_of_routers(prepared):
    method, model = prepared
    layers = [(one.base_layer.in_features, one.base_layer.out_features) for one in method._layers.values()]
    assert method.footprint().extra_parameters == sum(8 * (d + o) + 4 * d for d, o in layers)
    assert {name.rpartition(".")[2] for name, p in model.named_parameters() if p.requires_grad} == {
        "down", "up", "router"
    }  # fmt: skip
    spread = torch.cat([one.down.flatten() for one in method._layers.values()]).std().item()
    assert spread == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"experts": 3}, "rank: 8 does not divide into 3 experts"),
        ({"experts": 1}, "experts"),
        ({"rank": 1}, "rank"),
        ({"targets": []}, "targets"),
        ({"dropout": 1}, "dropout"),
        ({"balance": 0.1}, "balance"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(OptionError, match=rf"^-o moe-lora\..*{said}"):
        SPEC.create(options)


def test_a_target_that_the_model_lacks_is_refused(llama):
    with pytest.raises(OptionError, match=r"^-o moe-lora\.targets: the model has no layer 'fc9'"):
        small.make_trainer(llama, method=MoeLora(MoeLoraOptions(targets=("fc9",))))


def test_a_whole_run_tells_how_experts_are_used(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream", learning_rate=0.03)
    (outcome,) = small.run_stream(stream, "moe-lora", model=llama, home=tmp_path)
    told = outcome.record.notes["moe-lora"]
    assert list(told["tasks"]) == list(small.STREAM_TASKS)
    assert sum(told["tasks"]["own/word"]["experts"]) == pytest.approx(1, abs=1e-3)
    assert told["utilisation"]["column_groups"] == ["group 1"] * 4
