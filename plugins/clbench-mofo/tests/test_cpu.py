"""The compiled pass against the torch path, bit for bit; the equations themselves are held by `test_optimizer.py`."""

from __future__ import annotations

import pytest
import torch

from clbench_mofo import fast
from clbench_mofo.optimizer import MofoAdamW

pytest.importorskip("numba", reason="clbench-mofo[fast] is not installed")
from clbench_mofo import cpu

LLAMA = ((512, 64), (64, 64), (32, 64), (172, 64), (64, 172), (64,), (1,), ())  # grouped-query, norms, a scalar


def parameters(shapes, *, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter((torch.randn(shape, generator=generator) * 0.02).to(dtype)) for shape in shapes]


def train(params, steps, *, betas=(0.9, 0.95), **options):
    """Steps on gradients whose size changes from one to the next, some of them zero and some tied."""
    optimizer = MofoAdamW(params, lr=1e-3, betas=betas, eps=1e-8, **options)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        for p in params:
            gradient = torch.randn(p.shape, generator=generator) * 10.0 ** (step % 7 - 5)
            if step % 3 == 1 and p.dim():
                gradient[: len(p) // 2] = 0
            if step % 5 == 4:
                gradient = gradient.sign() * 0.25
            p.grad = gradient.to(p.dtype)
        optimizer.step()
    state = [value for p in params for value in (p.detach(), *optimizer.state[p].values())]
    return [one.reshape(-1).view(torch.uint8) for one in state]


def assert_both_ways(monkeypatch, shapes, steps, *, dtype=torch.float32, **options):
    assert fast.joined() is not None, "this build's bits are met; where they are not, the pass is left out"
    ours = train(parameters(shapes, dtype=dtype), steps, **options)
    with monkeypatch.context() as patch:
        patch.setattr(fast, "joined", lambda: None)
        theirs = train(parameters(shapes, dtype=dtype), steps, **options)
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("fraction", [0.05, 0.15, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.3, 0.999)])
def test_fifty_steps_are_the_torch_paths(monkeypatch, fraction, weight_decay, betas, dtype):
    options = {"fraction": fraction, "weight_decay": weight_decay, "betas": betas, "dtype": dtype}
    assert_both_ways(monkeypatch, LLAMA, 50, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_a_large_tensor_too(monkeypatch, dtype):
    assert_both_ways(monkeypatch, ((1031, 1009), (3,)), 4, fraction=0.07, dtype=dtype)


def test_threads_change_nothing(monkeypatch):
    """Tensors of several batches, on more threads than torch's operations have (`threads.FEW`)."""
    before = torch.get_num_threads()
    shapes = ((901, 1009), (1009, 701), (64, 64), (801, 809))
    one = train(parameters(shapes), 3, fraction=0.07)
    torch.set_num_threads(3)
    try:
        several = train(parameters(shapes), 3, fraction=0.07)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(*pair) for pair in zip(one, several, strict=True))


def test_what_it_takes(monkeypatch):
    taken = []
    known = cpu.CpuPass.update
    monkeypatch.setattr(
        cpu.CpuPass, "update", lambda self, some, group: taken.append(len(some)) or known(self, some, group)
    )
    for options, number in (({}, 1), ({"scope": "global"}, 0), ({"score": "gradient"}, 0), ({"decay": "selected"}, 0)):
        taken.clear()
        train(parameters(((8, 8),)), 1, fraction=0.5, **options)
        assert sum(taken) == number
    taken.clear()
    train(parameters(((8, 8),), dtype=torch.float16), 1, fraction=0.5)
    assert taken == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), -(2.0**40)])
def test_a_look_finds_what_may_not_be_finite(bad, dtype):
    gradients = [torch.full((5000,), 2.0**39, dtype=dtype), torch.full((3, 3), -1.0, dtype=dtype)]
    assert fast.are_small(gradients)
    gradients[1][2, 2] = bad
    assert not fast.are_small(gradients)


def test_it_can_be_left_out(monkeypatch):
    monkeypatch.setenv("CLBENCH_MOFO_FAST", "0")
    fast.joined.cache_clear()
    assert fast.joined() is None
    monkeypatch.undo()
    fast.joined.cache_clear()
    assert fast.joined() is not None
