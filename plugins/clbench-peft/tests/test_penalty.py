"""O-LoRA's penalty against loops over layers."""

from __future__ import annotations

import torch

from clbench_peft.penalty import by_shape, norms, overlap


def test_overlap_and_its_gradient():
    torch.manual_seed(0)
    past = [torch.randn(6, 5, dtype=torch.float64) for _ in range(3)]
    new = [torch.randn(2, 5, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    found = overlap(torch.stack(past), new)
    expected = sum((a @ b.T).abs().sum() for a, b in zip(past, new, strict=True))
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(found, new), torch.autograd.grad(expected, new), strict=True):
        torch.testing.assert_close(one, other)


def test_orthogonal_rows_do_not_overlap():
    rows = torch.eye(4)
    assert overlap(rows[None, :2], [rows[2:]]) == 0
    assert overlap(rows[None, :2], [rows[1:]]) == 1


def test_norms():
    tensors = [torch.tensor([[3.0, 4.0]], requires_grad=True), torch.zeros(1, 2, requires_grad=True)]
    found = norms(tensors)
    assert found == 5
    gradients = torch.autograd.grad(found, tensors)
    assert torch.equal(gradients[0], torch.tensor([[0.6, 0.8]]))
    assert torch.equal(gradients[1], torch.zeros(1, 2))


def test_by_shape():
    tensors = {"q": torch.zeros(2, 3), "down": torch.zeros(2, 7), "v": torch.zeros(2, 3)}
    assert by_shape(["q", "down", "v"], tensors) == [["q", "v"], ["down"]]
