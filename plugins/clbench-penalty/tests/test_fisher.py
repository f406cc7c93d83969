"""Fisher values and the weighted pull, against plain autograd in fp64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench_penalty.fisher import accumulate, pull_weighted, squared_gradients


@pytest.mark.parametrize("size", [1, 2])
def test_squared_gradients_of_a_linear_model(size):
    torch.manual_seed(0)
    x, y, w = torch.randn(4, 3), torch.randn(4), torch.randn(3, requires_grad=True)

    def gradients(rows):
        loss = ((x[rows] @ w - y[rows]) ** 2).mean()
        return {"w": torch.autograd.grad(loss, w)[0]}

    rows = list(range(4))
    batches = [rows[start : start + size] for start in range(0, 4, size)]
    each = 2 * (x @ w - y).detach()[:, None] * x  # closed form, an example a row
    expected = each.reshape(4 // size, size, 3).mean(1).square().mean(0)
    torch.testing.assert_close(squared_gradients(gradients, batches)["w"], expected)


@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([1.0, 0.5, 0.0]))
def test_separate_penalties_are_one_penalty(seed, tasks, decay):
    """Two numbers a parameter stand for every task's own (F, θ*)."""
    generator = torch.Generator().manual_seed(seed)
    points = [torch.randn(6, generator=generator) for _ in range(tasks)]
    values = [torch.randn(6, generator=generator).relu() for _ in range(tasks)]  # half of them zeros
    model = torch.nn.Linear(6, 1, bias=False)
    model.weight.grad = torch.zeros(1, 6)
    fisher, centre = {}, {}
    for point, value in zip(points, values, strict=True):
        accumulate(fisher, centre, new={"weight": value[None]}, at={"weight": point[None]}, decay=decay)
    pull_weighted(model, fisher, centre, strength=0.7)
    theta = model.weight.detach().double().requires_grad_()
    penalty = sum(
        0.7 * decay ** (tasks - 1 - i) * (value.double() * (theta - point.double()) ** 2).sum()
        for i, (point, value) in enumerate(zip(points, values, strict=True))
    )
    (expected,) = torch.autograd.grad(penalty, theta)
    torch.testing.assert_close(model.weight.grad.double(), expected, rtol=1e-4, atol=1e-5)
