"""AdamW in little memory against torch's own: the same bits in fp32, the same course where less is kept."""

import copy
import sys
from importlib.util import find_spec

import pytest
import torch

from clbench.base.errors import OptionError
from clbench.spec.protocol import Protocol
from clbench.training import lowmemory
from clbench.training.lowmemory import LowMemoryAdamW
from clbench.training.optimizing import adamw

EIGHT = pytest.param("8bit", marks=pytest.mark.skipif(not find_spec("bitsandbytes"), reason="needs bitsandbytes"))
SHAPES = ((64, 96), (7,), (1,), (5000,))
OPTIONS = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.01}


def tensors(dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in SHAPES]


def train(params, optimizer, *, steps, start=0):
    """Gradients of a seed for each step, so that two runs see the same."""
    for step in range(start, start + steps):
        generator = torch.Generator().manual_seed(step)
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        optimizer.step()


@torch.no_grad()
def distance(params, others):
    """How far two are apart, as a share of the way that the others went."""
    moved = sum(float((p.float() - q.float()).square().sum()) for p, q in zip(params, others, strict=True))
    return (
        moved / sum(float((q.float() - s.float()).square().sum()) for q, s in zip(others, tensors(), strict=True))
    ) ** 0.5


def test_with_everything_in_fp32_it_is_torchs_adamw_bit_for_bit(monkeypatch):
    monkeypatch.setattr(lowmemory, "PIECE", 512)  # so that tensors are cut
    ours, theirs = tensors(), tensors()
    train(ours, LowMemoryAdamW(ours, **OPTIONS), steps=20)
    train(theirs, torch.optim.AdamW(theirs, foreach=False, **OPTIONS), steps=20)
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("moments", "most"), [("bf16", 0.05), pytest.param("8bit", 0.1, marks=EIGHT.marks)])
def test_moments_in_less_lead_nearly_to_the_same_place(moments, most):
    ours, theirs = tensors(), tensors()
    train(ours, LowMemoryAdamW(ours, moments=moments, **OPTIONS), steps=50)
    train(theirs, torch.optim.AdamW(theirs, **OPTIONS), steps=50)
    assert 0 < distance(ours, theirs) < most


def test_a_byte_is_kept_where_it_says_so():
    pytest.importorskip("bitsandbytes")
    params = tensors()
    optimizer = LowMemoryAdamW(params, moments="8bit", **OPTIONS)
    train(params, optimizer, steps=1)
    large, small = optimizer.state[params[0]], optimizer.state[params[1]]
    assert large["exp_avg"].dtype == large["exp_avg_sq"].dtype == torch.uint8
    assert large["exp_avg_scale"].numel() == params[0].numel() // lowmemory.BLOCK
    assert small["exp_avg"].dtype == torch.float32  # as 8-bit optimizers do: no gain, and precise


def test_small_updates_are_not_lost():
    """A drift of 2⁻¹² a step from 1: rounding to the nearest bf16 loses each, here 1,024 of them make a quarter."""
    lost, kept = (torch.nn.Parameter(torch.ones(4096, dtype=torch.bfloat16)) for _ in range(2))
    options = {"lr": 2.0**-12, "betas": (0.0, 0.0), "eps": 0.0, "weight_decay": 0.0}
    nearest, ours = torch.optim.AdamW([lost], **options), LowMemoryAdamW([kept], moments="bf16", **options)
    for _ in range(1024):
        lost.grad, kept.grad = (-torch.ones(4096, dtype=torch.bfloat16) for _ in range(2))
        nearest.step()
        ours.step()
    assert bool((lost == 1).all())
    assert kept.float().mean().item() == pytest.approx(1.25, abs=0.002)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("moments", ["fp32", "bf16", EIGHT])
def test_a_state_taken_up_again_goes_on_bit_for_bit(dtype, moments):
    whole = tensors(dtype)
    options = {**OPTIONS, "moments": moments, "seed": 3}
    train(whole, LowMemoryAdamW(whole, **options), steps=6)
    first = tensors(dtype)
    begun = LowMemoryAdamW(first, **options)
    train(first, begun, steps=3)
    second = [torch.nn.Parameter(p.detach().clone()) for p in first]
    resumed = LowMemoryAdamW(second, **options)
    resumed.load_state_dict(copy.deepcopy(begun.state_dict()))
    train(second, resumed, steps=3, start=3)
    assert all(torch.equal(p, q) for p, q in zip(second, whole, strict=True))


def test_seeds_round_otherwise():
    one, other = tensors(torch.bfloat16), tensors(torch.bfloat16)
    train(one, LowMemoryAdamW(one, seed=0, **OPTIONS), steps=1)
    train(other, LowMemoryAdamW(other, seed=1, **OPTIONS), steps=1)
    assert not torch.equal(one[0], other[0])


def test_a_missing_library_is_told_before_the_first_step(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    lowmemory._quantiser.cache_clear()
    with pytest.raises(
        OptionError, match=r"moments=8bit needs bitsandbytes: python -m pip install 'clbench\[quantised\]'"
    ):
        LowMemoryAdamW(tensors(), moments="8bit", **OPTIONS)


def test_the_protocol_chooses():
    params = tensors()
    assert type(adamw(params, Protocol())) is torch.optim.AdamW
    assert isinstance(adamw(params, Protocol(moments="bf16")), LowMemoryAdamW)
    assert isinstance(adamw(params, Protocol(weights="bf16", precision="bf16")), LowMemoryAdamW)
    assert type(adamw(params, Protocol(weights="frozen-nf4", precision="bf16"))) is torch.optim.AdamW
