"""All experts at once against a loop over experts, and what a layer is before and while it is trained."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from transformers.pytorch_utils import Conv1D

from clbench_loramoe.config import ExpertConfig
from clbench_loramoe.experts import ExpertLinear, recorded, route

INPUTS, OUTPUTS = 24, 40


def make(*, base=None, seed=0, zero=False, **config):
    torch.manual_seed(seed)
    layer = ExpertLinear(base or nn.Linear(INPUTS, OUTPUTS), config=ExpertConfig(**{"dropout": 0.0, **config}))
    if not zero:
        nn.init.normal_(layer.up, std=0.1)
    return layer


def inputs(*shape, seed=1):
    return torch.randn(*shape, INPUTS, generator=torch.Generator().manual_seed(seed), requires_grad=True)


def loop(layer, x, drops=None):
    """The equation, one expert after the other."""
    config = layer.config
    weights = torch.softmax((x @ layer.router.T).float(), dim=-1)
    y = layer.base_layer(x)
    for i in range(config.experts):
        rows = slice(i * config.rank, (i + 1) * config.rank)
        a, b = layer.down[rows], layer.up[:, rows]
        dropped = x if drops is None else drops[i]
        y = y + weights[..., i : i + 1].to(x.dtype) * (config.alpha / config.rank) * ((dropped @ a.T) @ b.T)
    return y


def gradients(y, layer, x):
    wanted = (x, layer.down, layer.up, layer.router)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
    return torch.autograd.grad((y * weights).sum(), wanted)


def assert_near(ours, theirs):
    assert (ours - theirs).norm() <= 1e-5 * theirs.norm()
    assert theirs.norm() > 1e-3, "a comparison of zeros says nothing"


def assert_same(layer, x, drops=None, *, seed=0):
    torch.manual_seed(seed)
    ours = layer(x)
    theirs = loop(layer, x, drops)
    assert_near(ours, theirs)
    for one, other in zip(gradients(ours, layer, x), gradients(theirs, layer, x), strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("shape", [(3, 7), (5,), (2, 1)])
@pytest.mark.parametrize(("experts", "groups", "rank"), [(6, 2, 4), (2, 1, 1), (9, 3, 2)])
def test_batched_is_the_loop(experts, groups, rank, shape):
    assert_same(make(experts=experts, groups=groups, rank=rank), inputs(*shape))


@pytest.mark.parametrize("base", [nn.Linear(INPUTS, OUTPUTS, bias=False), Conv1D(OUTPUTS, INPUTS)])
def test_other_base_layers(base):
    assert_same(make(base=base), inputs(3, 7))


def test_a_shared_mask_is_the_loop_over_one_dropped_input():
    layer, x = make(dropout=0.3), inputs(3, 7)
    torch.manual_seed(5)
    dropped = F.dropout(x, 0.3)
    assert_same(layer, x, [dropped] * 6, seed=5)


def test_masks_per_expert_are_the_loop_over_six_dropped_inputs():
    layer, x = make(dropout=0.3, dropout_mask="per-expert"), inputs(3, 7)
    torch.manual_seed(5)
    dropped = F.dropout(x.unsqueeze(-2).expand(3, 7, 6, INPUTS), 0.3)
    assert not torch.equal(dropped[..., 0, :], dropped[..., 1, :])
    assert_same(layer, x, dropped.unbind(-2), seed=5)


@pytest.mark.parametrize("mask", ["shared", "per-expert"])
def test_dropout_is_for_training_only(mask):
    layer, x = make(dropout=0.5, dropout_mask=mask), inputs(3, 7)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert_near(layer(x), loop(layer, x))


@pytest.mark.parametrize("mask", ["shared", "per-expert"])
@pytest.mark.parametrize("bf16", [False, True])
def test_at_first_the_output_is_the_base_layers_bit_for_bit(mask, bf16):
    layer, x = make(zero=True, dropout=0.3, dropout_mask=mask), inputs(3, 7)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        assert torch.equal(layer(x), layer.base_layer(x))


def test_begins_as_linear_layers_do():
    base = nn.Linear(INPUTS, OUTPUTS)
    layer = make(base=base, seed=3, zero=True)
    torch.manual_seed(3)
    assert torch.equal(layer.down, nn.Linear(INPUTS, 24, bias=False).weight)
    assert torch.equal(layer.router, nn.Linear(INPUTS, 6, bias=False).weight)
    assert not layer.up.any()


def test_the_router_is_fp32_under_autocast():
    layer, x = make(), inputs(3, 7)
    with torch.autocast("cpu", torch.bfloat16):
        weights, y = route(x, layer.router), layer(x)
    assert (weights.dtype, y.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 7))
    assert (y.float() - loop(layer, x)).norm() < 0.02 * y.float().norm()


def test_a_layer_takes_its_bases_precision():
    layer = make(base=nn.Linear(INPUTS, OUTPUTS).double())
    assert {p.dtype for p in layer.parameters()} == {torch.float64}
    x = inputs(3).double()
    torch.testing.assert_close(layer(x), loop(layer, x), rtol=1e-6, atol=1e-6)


def test_only_training_passes_with_a_graph_are_recorded():
    layer, x = make(), inputs(3, 7)
    layer(x)
    assert layer.routed is None, "nobody asked"
    layer.recording = "training"
    layer.eval()(x)
    with torch.no_grad():
        layer.train()(x)
    assert layer.routed is None
    layer(x)
    taken = layer.take_routed()
    assert torch.equal(taken, route(x, layer.router))
    assert taken.requires_grad
    assert layer.take_routed() is None


def test_inside_recorded_every_pass_is():
    layer, x = make().eval(), inputs(3, 7)
    layer.recording = "training"
    with recorded([layer]), torch.no_grad():
        layer(x)
        assert layer.routed.shape == (3, 7, 6)
    assert (layer.recording, layer.routed) == ("training", None)
