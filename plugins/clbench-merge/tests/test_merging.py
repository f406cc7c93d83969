"""Merging against peft's own functions, closed forms, and what each paper says of special cases."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench_merge.merging import dropped, stock_share, ties, trimmed


def vectors(number, *, seed=0, shape=(6, 5)):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for _ in range(number)]


@pytest.mark.parametrize("density", [0.1, 0.2, 0.55, 0.97])
def test_ties_is_pefts(density):
    theirs = pytest.importorskip("peft.utils.merge_utils").ties
    some = vectors(4)
    torch.testing.assert_close(ties(some, density), theirs(some, torch.ones(4), density))


@given(st.floats(0.01, 1), st.integers(1, 40))
def test_trimming_keeps_the_largest(density, size):
    vector = torch.randn(size, generator=torch.Generator().manual_seed(size))
    kept = trimmed(vector, density)
    number = max(1, int(density * size))
    assert kept.count_nonzero() == number
    assert kept.abs().sum() == pytest.approx(vector.abs().sort(descending=True).values[:number].sum().item(), rel=1e-5)


def test_ties_of_one_vector_trims_it():
    (one,) = vectors(1)
    assert ties([one], 0.5).equal(trimmed(one, 0.5))


def test_dropping_keeps_a_share_and_the_mean():
    one = torch.ones(100_000)
    found = dropped(one, 0.2, torch.Generator().manual_seed(1))
    assert found.unique().tolist() == [0.0, 5.0]
    assert found.mean() == pytest.approx(1, abs=0.03)
    assert dropped(one, 1.0, torch.Generator()).equal(one)


def test_model_stocks_share_has_its_closed_form():
    a, b = torch.tensor([1.0, 0, 0]), torch.tensor([0.6, 0.8, 0])
    assert stock_share([a]) == 1
    assert stock_share([a, b]) == pytest.approx(2 * 0.6 / 1.6)
    assert stock_share([a, a]) == pytest.approx(1)
    assert stock_share([a, -b]) == 0
    c = torch.tensor([0.6, 0.0, 0.8])
    cosine = (0.6 + 0.6 + 0.36) / 3
    assert stock_share([a, b, c]) == pytest.approx(3 * cosine / (1 + 2 * cosine))
