"""Pulls and interpolation against their equations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench_penalty.anchors import copies, pull_absolute, pull_squared, weights_between


def make_model(seed=0):
    """Two layers and a frozen one; all but the last have gradients."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2), torch.nn.Linear(2, 2))
    model[2].requires_grad_(False)
    for p in model[:2].parameters():
        p.grad = torch.randn_like(p)
    return model


@pytest.mark.parametrize(
    ("pull", "penalty"),
    [(pull_squared, lambda change: change.square().sum()), (pull_absolute, lambda change: change.abs().sum())],
)
def test_a_pull_is_the_gradient_of_its_penalty(pull, penalty):
    model, anchor = make_model(), copies(make_model(seed=1))
    with torch.no_grad():
        model[0].weight[0, 0] = anchor["0.weight"][0, 0]  # where the absolute value has its kink
    expected = {}
    for name, p in model[:2].named_parameters():
        free = p.detach().clone().requires_grad_()
        (0.3 * penalty(free - anchor[name])).backward()
        expected[name] = p.grad + free.grad
    pull(model, anchor, strength=0.3)
    for name, p in model[:2].named_parameters():
        torch.testing.assert_close(p.grad, expected[name])
    assert all(p.grad is None for p in model[2].parameters())


@pytest.mark.parametrize("pull", [pull_squared, pull_absolute])
def test_at_the_anchor_nothing_pulls(pull):
    model = make_model()
    before = [p.grad.clone() for p in model[:2].parameters()]
    pull(model, copies(model), strength=1e6)
    assert all(torch.equal(p.grad, grad) for p, grad in zip(model[:2].parameters(), before, strict=True))


def test_a_parameter_without_gradient_is_left_alone():
    model = make_model()
    model[0].weight.grad = None
    pull_squared(model, copies(make_model(seed=1)), strength=1.0)
    assert model[0].weight.grad is None


@given(st.floats(0, 1))
def test_weights_between(share):
    model, anchor = make_model(), copies(make_model(seed=1))
    start = {name: tensor.clone() for name, tensor in anchor.items()}
    own = copies(model)
    pointers = [p.data_ptr() for p in model.parameters()]
    with weights_between(model, anchor, share=share):
        for name, p in model[:2].named_parameters():
            torch.testing.assert_close(p.data, (1 - share) * anchor[name] + share * own[name])
            exact = {0.0: anchor[name], 1.0: own[name]}.get(share)
            assert exact is None or torch.equal(p, exact)
    assert pointers == [p.data_ptr() for p in model.parameters()]
    assert all(torch.equal(p, own[name]) for name, p in model[:2].named_parameters())
    assert all(torch.equal(anchor[name], start[name]) for name in anchor)


def test_weights_come_back_after_an_error():
    model = make_model()
    own = copies(model)
    with pytest.raises(KeyError), weights_between(model, copies(make_model(seed=1)), share=0.5):
        raise KeyError
    assert all(torch.equal(p, own[name]) for name, p in model[:2].named_parameters())
