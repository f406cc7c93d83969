"""Exact selection against a sort, with the sizes at which it samples made small enough for hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clbench_mofo import select
from clbench_mofo.select import keep_largest, kth_largest


@pytest.fixture(autouse=True, scope="module")
def _sample_early():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "SMALL", 8)
        patch.setattr(select, "CHUNK", 32)
        yield


def by_sorting(parts, k):
    return torch.cat(parts).abs().sort(descending=True).values[k - 1]


def floats(**limits):
    return st.floats(width=32, allow_nan=False, allow_infinity=False, **limits)


@given(hnp.arrays(np.float32, st.integers(1, 300), elements=floats()), st.data())
@settings(max_examples=100, deadline=None)
def test_equals_sorting(values, data):
    tensor = torch.from_numpy(values)
    k = data.draw(st.integers(1, len(values)))
    assert kth_largest([tensor], k) == by_sorting([tensor], k)


@given(hnp.arrays(np.float32, st.integers(1, 400), elements=st.sampled_from([-2.0, -1.0, 0.0, 1.0])), st.data())
@settings(max_examples=100, deadline=None)
def test_heavy_ties(values, data):
    tensor = torch.from_numpy(values)
    k = data.draw(st.integers(1, len(values)))
    assert kth_largest([tensor], k) == by_sorting([tensor], k)


@given(st.lists(hnp.arrays(np.float32, st.integers(0, 90), elements=floats()), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_parts_are_one_population(arrays, data):
    parts = [torch.from_numpy(array) for array in arrays]
    n = sum(map(len, parts))
    if n:
        k = data.draw(st.integers(1, n))
        assert kth_largest(parts, k) == by_sorting(parts, k)


@pytest.mark.parametrize("fraction", [0.0, 1e-4, 0.05, 0.15, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("kind", ["normal", "heavy", "sorted", "periodic", "sparse", "constant", "zeros", "subnormal"])
def test_large_tensors_of_every_shape(monkeypatch, kind, fraction):
    monkeypatch.setattr(select, "SMALL", 1 << 10)
    monkeypatch.setattr(select, "CHUNK", 1 << 13)
    n = 20_001
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(n, generator=generator)
    tensor = {
        "normal": normal,
        "heavy": normal / torch.rand(n, generator=generator) ** 3,
        "sorted": normal.sort().values,
        "periodic": (torch.arange(n) % (round(n ** (1 / 3)) | 1)).float(),  # every sampled entry is one and the same
        "sparse": normal * (torch.rand(n, generator=generator) < 0.03),
        "constant": torch.full((n,), -0.25),
        "zeros": torch.zeros(n),
        "subnormal": normal * 1e-42,
    }[kind]
    k = max(1, int(fraction * n))
    assert kth_largest([tensor], k) == by_sorting([tensor], k)


def test_a_bracket_that_misses_falls_back(monkeypatch):
    tensor = torch.randn(5000)
    for wrong in ((10.0, 20.0), (0.0, 1e-9), (0.5, 0.5)):
        monkeypatch.setattr(select, "_bracket", lambda *_, wrong=wrong: wrong)
        assert kth_largest([tensor], 250) == by_sorting([tensor], 250)


def test_double_precision():
    tensor = torch.randn(5000, dtype=torch.float64)
    assert kth_largest([tensor], 77) == by_sorting([tensor], 77)


def test_touches_no_generator():
    before = torch.get_rng_state()
    kth_largest([torch.linspace(-1, 1, 5000)], 100)
    assert torch.equal(before, torch.get_rng_state())


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=floats()), st.data())
@settings(max_examples=100, deadline=None)
def test_keep_largest_keeps_ties_and_at_least_k(values, data):
    tensor = torch.from_numpy(values)
    k = data.draw(st.integers(1, len(values)))
    threshold = kth_largest([tensor], k)
    mask = tensor.abs() >= threshold
    assert mask.sum() >= k
    kept = keep_largest(tensor, threshold)
    expected = torch.where(mask, tensor, torch.zeros(()))
    assert torch.equal(kept, expected)
    assert torch.equal(kept.signbit()[mask], tensor.signbit()[mask])
    assert not kept.signbit()[~mask].any()
