"""What a run holds, against tensors that were really made; what cannot fit is refused before it is loaded."""

import pytest
import small
import torch

from clbench.base.errors import OptionError
from clbench.engine.session import prepare
from clbench.forecast import holding
from clbench.forecast.holding import Parts, empty_model, parts_of
from clbench.models import weights as kept
from clbench.models.layers import linear_layers
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol
from clbench.training.optimizing import adamw

BF16 = {"precision": "bf16"}


def config_of(tmp_path, llama, method, options=None, **protocol):
    stream = small.write_stream(tmp_path / "stream")
    request = small.make_request(
        stream, method, model=llama, home=tmp_path / "home", options=options or {}, protocol=protocol
    )
    return prepare(request, registry())[0]


def parts(config):
    return parts_of(empty_model(config), config.choice, config.options)


@pytest.mark.parametrize(("method", "trained"), [("sequential", 1.0), ("frozen", 0.0)])
def test_all_is_trained_or_nothing(tmp_path, llama, method, trained):
    config = config_of(tmp_path, llama, method)
    size = sum(p.numel() for p in small.make_llama(320).parameters())
    found = parts(config)
    assert found.trained == size * trained
    assert found.trained + found.layers + found.others == size


@pytest.mark.parametrize("method", ["lora", "loramoe"])
def test_of_an_adapter_what_it_adds(tmp_path, llama, method):
    pytest.importorskip(f"clbench_{'peft' if method == 'lora' else 'loramoe'}")
    config = config_of(tmp_path, llama, method)
    model = config.choice.create(config.options).prepare_model(small.make_llama(320))
    assert parts(config).trained == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert parts(config).sure


def test_bytes_are_those_of_the_tensors():
    """A model of one trained and one frozen matrix, and an optimizer after its first step."""
    size = 1024
    pytest.importorskip("bitsandbytes")
    for weights, moments in (("fp32", "fp32"), ("bf16", "bf16"), ("bf16", "8bit")):
        protocol = Protocol(precision="bf16", weights=weights, moments=moments)
        told = holding.holding(Parts(trained=size * size, layers=0, others=0), protocol)
        kept = torch.float32 if weights == "fp32" else torch.bfloat16
        p = torch.nn.Parameter(torch.zeros(size, size, dtype=kept))
        p.grad = torch.ones_like(p)
        optimizer = adamw([p], protocol)
        optimizer.step()
        state = [one for name, one in optimizer.state[p].items() if name != "step"]
        assert told.weights == p.nbytes
        assert told.gradients == p.grad.nbytes
        assert told.moments == sum(one.nbytes for one in state)


def nbytes(layer):
    """Of a quantised layer's weight and its scales."""
    if hasattr(layer.weight, "qdata"):
        return layer.weight.qdata.nbytes + layer.weight.scale.nbytes
    told = layer.weight.quant_state
    return layer.weight.nbytes + told.absmax.nbytes + told.state2.absmax.nbytes


@pytest.mark.parametrize("weights", ["frozen-int8", "frozen-nf4"])
def test_bytes_of_a_quantised_layer_are_those_of_its_tensors(weights):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("torchao")
    model = small.make_llama(320, width=256, inner=512).to(torch.bfloat16)
    layers = linear_layers(model)
    size = sum(layer.weight.numel() for layer in layers.values())
    kept.quantise(model, weights)
    held = sum(map(nbytes, linear_layers(model).values()))
    told = holding.holding(Parts(trained=0, layers=size, others=0), Protocol(weights=weights, **BF16)).weights
    assert told == pytest.approx(held, rel=0.02)  # int8's scale a row is not counted


def test_what_cannot_fit_is_refused_with_what_would(tmp_path, llama, monkeypatch):
    config = config_of(tmp_path, llama, "sequential")
    needs = parts(config).trained * 16
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: needs - 1)
    with pytest.raises(OptionError, match=r"--set protocol.precision=bf16 --set protocol.weights=bf16 makes it"):
        holding.refuse_what_cannot_fit(config, torch.device("cpu"))
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: needs)
    holding.refuse_what_cannot_fit(config, torch.device("cpu"))
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: 10)
    with pytest.raises(OptionError, match="no setting makes it fit: take an adapter method"):
        holding.refuse_what_cannot_fit(config, torch.device("cpu"))


def test_processes_that_share_parameters_share_gradients_and_moments(tmp_path, llama, monkeypatch):
    config = config_of(tmp_path, llama, "sequential")
    size = parts(config).trained
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: size * (4 + 12 // 4))
    holding.refuse_what_cannot_fit(config, torch.device("cpu"), share=4)
    with pytest.raises(OptionError, match="holds"):
        holding.refuse_what_cannot_fit(config, torch.device("cpu"), share=3)


def test_an_adapter_is_told_of_a_quantised_base(tmp_path, llama, monkeypatch):
    pytest.importorskip("clbench_peft")
    config = config_of(tmp_path, llama, "lora")
    few = holding.holding(parts(config), Protocol(weights="frozen-nf4", **BF16)).total
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: few)
    with pytest.raises(OptionError, match=r"protocol\.weights=frozen-nf4 makes it"):
        holding.refuse_what_cannot_fit(config, torch.device("cpu"))


def test_what_a_method_must_see_weights_for_is_not_refused_by_guess(tmp_path, llama, monkeypatch):
    config = config_of(tmp_path, llama, "sequential")
    asked = []
    monkeypatch.setattr("clbench.models.memory.whole", lambda device: 10)
    monkeypatch.setattr(holding, "parts_of", lambda *_: asked.append(1) or Parts(10**15, 0, 0, sure=False))
    holding.refuse_what_cannot_fit(config, torch.device("cpu"))
    assert asked


def test_where_all_fits_a_method_is_not_asked(tmp_path, llama, monkeypatch):
    config = config_of(tmp_path, llama, "sequential")
    monkeypatch.setattr(holding, "parts_of", None)
    holding.refuse_what_cannot_fit(config, torch.device("cpu"))
