"""Inner products and sums of flattened gradients, against plain fp64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clbench_gem import references as module
from clbench_gem.references import References

SHAPES = {"a": (300, 400), "b": (7,), "c": (), "d": (3, 5, 2)}


def make(rows, dtype=torch.float32, *, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    params = {name: torch.nn.Parameter(torch.zeros(shape)) for name, shape in SHAPES.items()}
    given = [
        {name: scale * torch.randn(p.shape, generator=generator) for name, p in params.items()} for _ in range(rows)
    ]
    for name, p in params.items():
        p.grad = scale * torch.randn(p.shape, generator=generator) - 0.5 * given[0][name]
    made = References(params, rows=rows + 1, dtype=dtype)
    for row, gradients in enumerate(given):
        made.put(row, gradients)
    return made, params, given


def flat(tensors):
    return torch.cat([tensor.detach().double().reshape(-1) for tensor in tensors]).numpy()


@pytest.mark.parametrize("copied", [True, False], ids=["as on a CPU", "as on a GPU"])
@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e5])  # Gram entries of 1e-9 to 1e15
def test_products_are_those_of_fp64(scale, copied):
    made, params, given = make(3, scale=scale)
    made._copied = copied
    rows = np.stack([*(flat(one.values()) for one in given), flat(p.grad for p in params.values())])
    found, lengths = made.products(3), np.linalg.norm(rows, axis=1)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found / lengths[:, None] / lengths, rows @ rows.T / lengths[:, None] / lengths, atol=2e-7
    )


def test_sums_of_chunks_do_not_lose_small_terms():
    """Ones, as many as fp32 counts no further by adding one at a time: 2**24 + 2**16."""
    params = {"p": torch.nn.Parameter(torch.zeros((1 << 24) + (1 << 16)))}
    params["p"].grad = torch.ones_like(params["p"])
    made = References(params, rows=1, dtype=torch.float32)
    made.put(0, {"p": params["p"].grad})
    assert (made.products(1) == (1 << 24) + (1 << 16)).all()


def test_add_is_the_sum():
    made, params, given = make(3)
    before = flat(p.grad for p in params.values())
    weights = np.array([0.5, 0.0, 2.0])
    made.add(weights)
    expected = before + weights @ np.stack([flat(one.values()) for one in given])
    np.testing.assert_allclose(flat(p.grad for p in params.values()), expected, atol=2e-6)


def test_chunks_change_nothing_but_rounding(monkeypatch):
    whole = make(2)[0].products(2)
    monkeypatch.setattr(module, "SMALL", 3 * module.SUM)
    np.testing.assert_allclose(make(2)[0].products(2), whole, rtol=1e-5)


def test_bf16_halves_the_buffer_and_rounds_the_references():
    made, params, given = make(2, torch.bfloat16)
    assert made.nbytes * 2 == make(2)[0].nbytes == 3 * 4 * sum(p.numel() for p in params.values())
    rounded = [flat(tensor.bfloat16() for tensor in one.values()) for one in given]
    np.testing.assert_allclose(np.diag(made.products(2))[:2], [row @ row for row in rounded], rtol=1e-5)
    before = flat(p.grad for p in params.values())
    made.add(np.array([1.0, 3.0]))
    expected = before + rounded[0] + 3 * rounded[1]
    np.testing.assert_allclose(flat(p.grad for p in params.values()), expected, atol=4e-6)


def test_gradients_may_be_missing_or_strided():
    made, params, given = make(1)
    params["b"].grad = None
    params["a"].grad = params["a"].grad.t().contiguous().t()
    kept = {name: None if p.grad is None else p.grad.clone() for name, p in params.items()}
    expected = sum(float((kept[name].double() * given[0][name].double()).sum()) for name in "acd")
    assert made.products(1)[0, 1] == pytest.approx(expected, rel=1e-5)
    made.add(np.array([2.0]))
    assert torch.equal(params["b"].grad, 2 * given[0]["b"])
    assert torch.allclose(params["a"].grad, kept["a"] + 2 * given[0]["a"])


def test_the_host_waits_for_a_device_once(monkeypatch):
    """For the products, whatever there is of them; the sum needs nothing of the device."""
    made, _, given = make(3)
    waits = []
    for name in ("cpu", "item", "tolist", "nonzero", "__bool__"):
        known = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda *a, name=name, known=known: waits.append(name) or known(*a))
    for row, gradients in enumerate(given):
        made.put(row, gradients)
    made.products(3)
    made.add(np.array([0.5, 0.0, 2.0]))
    assert waits == ["cpu"]
