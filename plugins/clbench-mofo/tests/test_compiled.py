"""The compiled pass against the torch path, bit for bit; the equations themselves are held by `test_optimizer.py`."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench_mofo import fast
from clbench_mofo.optimizer import MofoAdamW

pytest.importorskip("numba", reason="clbench-mofo[fast] is not installed")
from clbench_mofo import compiled

LLAMA = ((512, 64), (64, 64), (32, 64), (172, 64), (64, 172), (64,), (1,), ())  # grouped-query, norms, a scalar


def parameters(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator) * 0.02) for shape in shapes]


def train(params, steps, *, betas, **options):
    """Steps on gradients whose size changes from one to the next, some of them zero and some tied."""
    optimizer = MofoAdamW(params, lr=1e-3, betas=betas, eps=1e-8, **options)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator) * 10.0 ** (step % 7 - 5)
            if step % 3 == 1 and p.dim():
                p.grad[: len(p) // 2] = 0
            if step % 5 == 4:
                p.grad = p.grad.sign() * 0.25
        optimizer.step()
    state = [value for p in params for value in (p.detach(), *optimizer.state[p].values())]
    return [one.reshape(-1).view(torch.int32) for one in state]


def both_ways(monkeypatch, shapes, steps, **options):
    assert fast.available() is not None, "this build's bits are met; where they are not, the pass is left out"
    ours = train(parameters(shapes), steps, **options)
    with monkeypatch.context() as patch:
        patch.setattr(fast, "available", lambda: None)
        theirs = train(parameters(shapes), steps, **options)
    return ours, theirs


@pytest.mark.parametrize("fraction", [0.05, 0.15, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.3, 0.999)])
def test_fifty_steps_are_the_torch_paths(monkeypatch, fraction, weight_decay, betas):
    options = {"fraction": fraction, "weight_decay": weight_decay, "betas": betas}
    ours, theirs = both_ways(monkeypatch, LLAMA, 50, **options)
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_a_large_tensor_too(monkeypatch):
    ours, theirs = both_ways(monkeypatch, ((1031, 1009),), 4, fraction=0.07, betas=(0.9, 0.95))
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_what_it_takes(monkeypatch):
    taken = []
    known = compiled.Compiled.update
    monkeypatch.setattr(
        compiled.Compiled,
        "update",
        lambda self, some, *more, **how: taken.append(len(some)) or known(self, some, *more, **how),
    )
    for options, number in (({}, 1), ({"scope": "global"}, 0), ({"score": "gradient"}, 0), ({"decay": "selected"}, 0)):
        taken.clear()
        train(parameters(((8, 8),)), 1, fraction=0.5, betas=(0.9, 0.95), **options)
        assert sum(taken) == number
    taken.clear()
    half = [torch.nn.Parameter(torch.zeros(8, 8, dtype=torch.bfloat16))]
    half[0].grad = torch.ones_like(half[0])
    MofoAdamW(half, fraction=0.5).step()
    assert taken == []


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=300),
    data=st.data(),
)
def test_the_threshold_is_the_kth_largest(values, data):
    import numpy as np

    numbers = np.abs(np.array(values, np.float32))
    k = data.draw(st.integers(1, numbers.size))
    found = compiled._threshold(numbers.view(np.int32), k, np.empty(numbers.size + 1, np.int32))
    assert found == np.sort(numbers)[-k].view(np.int32)


def test_it_can_be_left_out(monkeypatch):
    monkeypatch.setenv("CLBENCH_MOFO_FAST", "0")
    fast.available.cache_clear()
    assert fast.available() is None
    monkeypatch.undo()
    fast.available.cache_clear()
    assert fast.available() is not None
