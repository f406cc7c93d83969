"""The constraint against its equation written out, and where minimising it leads."""

from __future__ import annotations

import itertools
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from clbench_loramoe.balance import UNKNOWN, Balance, localized_balance

MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]])
TYPES = [0, 1, UNKNOWN, 1]


def router_weights(*, layers=3, experts=6, rows=4, tokens=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, tokens, experts, generator=generator, dtype=dtype).softmax(-1) for _ in range(layers)]


def equation(weights, *, how, types=TYPES, mask=MASK):
    """Q, I, Z and σ²/μ as the paper writes them, number by number."""
    known = [m for m in range(len(types)) if types[m] != UNKNOWN]
    terms = []
    for layer in weights:
        experts = layer.shape[-1]
        z = []
        for m in known:
            row = []
            for n in range(experts):
                q = sum(layer[m, t, n].item() for t in range(layer.shape[1]) if mask[m, t])
                matching = n * how.groups // experts == types[m]
                up = matching if how.sign == "paper" else not matching
                row.append((1 + how.delta if up else 1 - how.delta) * q)
            z.append(row)
        populations = [list(itertools.chain(*z))] if how.population == "batch" else z
        power = 1 if how.formula == "paper" else 2
        spread = [statistics.variance(one) / statistics.fmean(one) ** power for one in populations]
        terms.append(statistics.fmean(spread) * len(known) / len(types))
    return sum(terms) if how.reduction == "sum" else statistics.fmean(terms)


OPTIONS = list(
    itertools.product(("paper", "code"), ("sequence", "batch"), ("mean", "sum"), ("paper", "matching"), (2, 3))
)


@pytest.mark.parametrize(("formula", "population", "reduction", "sign", "groups"), OPTIONS)
def test_is_the_equation(formula, population, reduction, sign, groups):
    how = Balance(groups, 0.1, sign, formula, population, reduction)
    weights = router_weights()
    ours = localized_balance([one.float() for one in weights], mask=MASK, types=TYPES, how=how)
    assert ours.item() == pytest.approx(equation(weights, how=how), rel=1e-5)


def test_padding_and_unknown_types_have_no_influence():
    how = Balance(2, 0.1)
    weights = router_weights(dtype=torch.float32)
    others = [torch.where(MASK.bool().unsqueeze(-1), one, one.flip(-1)) for one in weights]
    for one in others:
        one[2] = torch.eye(6)[:5]
    ours, theirs = (localized_balance(one, mask=MASK, types=TYPES, how=how) for one in (weights, others))
    assert not torch.equal(weights[0], others[0])
    assert torch.equal(ours, theirs)


@given(st.integers(1, 7), st.sampled_from(["paper", "code"]), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_over_sequences_micro_batches_change_nothing(cut, formula, seed):
    weights = router_weights(rows=8, seed=seed)
    mask = torch.ones(8, 5)
    types = [0, 1, 1, UNKNOWN, 0, 0, 1, UNKNOWN]
    how = Balance(2, 0.1, formula=formula)

    def part(rows):
        if set(types[rows]) <= {UNKNOWN}:
            return 0.0
        term = localized_balance([one[rows] for one in weights], mask=mask[rows], types=types[rows], how=how)
        return term.item() * len(types[rows]) / 8

    assert part(slice(0, cut)) + part(slice(cut, 8)) == pytest.approx(part(slice(0, 8)), rel=1e-5)


def minimum(how, *, kind=0, experts=6, tokens=8):
    """Masses of the groups of experts where gradient descent on the router's logits ends."""
    logits = torch.randn(1, tokens, experts, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits.requires_grad_(True)
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        loss = localized_balance([logits.softmax(-1)], mask=torch.ones(1, tokens), types=[kind], how=how)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-6
    return logits.softmax(-1).mean((0, 1)).view(how.groups, -1).sum(-1).tolist()


@pytest.mark.parametrize("formula", ["paper", "code"])
@pytest.mark.parametrize("kind", [0, 1])
def test_minimising_the_papers_constraint_gives_the_matching_experts_less_than_half(formula, kind):
    masses = minimum(Balance(2, 0.1, formula=formula), kind=kind)
    assert masses[kind] == pytest.approx(0.45, abs=1e-3)
    assert masses[1 - kind] == pytest.approx(0.55, abs=1e-3)


def test_the_other_sign_gives_them_more():
    assert minimum(Balance(2, 0.1, "matching"))[0] == pytest.approx(0.55, abs=1e-3)


def test_with_three_groups_the_matching_one_has_its_share():
    masses = minimum(Balance(3, 0.1), kind=1)
    assert masses == pytest.approx([1.1 / 3.1, 0.9 / 3.1, 1.1 / 3.1], abs=1e-3)


def test_the_papers_formula_grows_with_the_tokens_and_the_codes_does_not():
    weights, types = router_weights(rows=2), [0, 1]
    for formula, factor in (("paper", 3), ("code", 1)):
        how = Balance(2, 0.1, formula=formula)
        short = localized_balance(weights, mask=torch.ones(2, 5), types=types, how=how)
        long = localized_balance([one.repeat(1, 3, 1) for one in weights], mask=torch.ones(2, 15), types=types, how=how)
        assert long.item() == pytest.approx(factor * short.item(), rel=1e-5)


def test_the_host_waits_for_nothing():
    """No operation whose result's size depends on what a device holds, and no number of the device's read."""
    weights, asked = router_weights(dtype=torch.float32), []

    class Asked(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            asked.append(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    with Asked():
        localized_balance(weights, mask=MASK, types=TYPES, how=Balance(2, 0.1))
    assert not set(asked) & {"_local_scalar_dense", "nonzero", "index", "masked_select"}
    assert "stack" in asked


def test_has_a_gradient_for_the_router():
    logits = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)

    def term(logits):
        return localized_balance([logits.softmax(-1)], mask=MASK, types=TYPES, how=Balance(2, 0.1))

    (gradient,) = torch.autograd.grad(term(logits), logits)
    moved = logits.detach() + 1e-4 * gradient
    assert term(moved).item() - term(logits).item() == pytest.approx(1e-4 * gradient.square().sum().item(), rel=1e-2)
    assert not gradient[~MASK.bool()].any()
    assert not gradient[2].any()
