"""The compiled loops one by one, each against numpy's word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="clbench-mofo[fast] is not installed")
from clbench_mofo import compiled, moving

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
WAYS = {"eights": (compiled.by_eights, compiled.keep_by_one)}
if compiled.presses():
    WAYS["sixteens"] = compiled.by_sixteens, compiled.keep_by_sixteens


@settings(max_examples=60, deadline=None)
@given(values=st.lists(FINITE, min_size=1, max_size=300), data=st.data())
def test_the_threshold_is_the_kth_largest(values, data):
    """Wherever the magnitudes are parted."""
    numbers = np.array(values, np.float32)
    k, high = data.draw(st.integers(1, numbers.size)), data.draw(st.sampled_from([0.0, 1e-3, abs(values[0]), np.inf]))
    room = np.empty(numbers.size + compiled.SPARE, np.int32)
    found = compiled._threshold(numbers.view(np.int32), k, room, np.float32(high).view(np.int32))
    assert found == np.sort(np.abs(numbers))[-k].view(np.int32)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(FINITE, min_size=1, max_size=100), least=st.sampled_from([0.0, 1e-30, 0.5, 1e30]))
def test_a_list_holds_what_is_large(way, values, least):
    m = np.array(values, np.float32)
    v = np.arange(m.size, dtype=np.float32)
    lists = tuple(np.empty(m.size + 1 + compiled.SPARE, kind) for kind in (np.uint32, np.float32, np.float32))
    marks = np.ones(compiled.BLOCK, np.uint8)
    end = WAYS[way][0](m, v, 1000, np.float32(least).view(np.int32), lists, np.uintp(1), marks)
    where = np.flatnonzero(np.abs(m) >= np.float32(least))
    places, firsts, seconds = (one[1:end] for one in lists)
    assert (places == where + 1000).all()
    assert (firsts == m[where]).all()
    assert (seconds == v[where]).all()


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(FINITE, min_size=1, max_size=100),
    high=st.sampled_from([0.0, 1e-30, 0.5, 1e30]),
    below=st.booleans(),
)
def test_what_is_on_one_side_is_kept(way, values, high, below):
    numbers = np.array(values, np.float32)
    room = np.empty(numbers.size + compiled.SPARE, np.int32)
    held = WAYS[way][1](numbers.view(np.int32), np.float32(high).view(np.int32), below, room)
    sizes = np.abs(numbers)
    assert (room[:held].view(np.float32) == sizes[(sizes < np.float32(high)) == below]).all()


@pytest.mark.parametrize("decay", [1.0, 0.5])
@pytest.mark.parametrize("size", [1, 1023, 1024, 5000])
def test_what_is_listed_moves_and_nothing_else(size, decay):
    rng = np.random.default_rng(size)
    p = rng.standard_normal(size).astype(np.float32)
    places = np.flatnonzero(rng.random(size) < 0.1).astype(np.uint32)
    steps, expected = rng.standard_normal(places.size).astype(np.float32), p * np.float32(decay)
    expected[places] += steps
    moving._move_floats(p, places, steps, np.float32(decay), np.empty(1, np.int32))
    assert (p == expected).all()


@pytest.mark.parametrize(
    ("name", "features", "expected"), [("generic", "", False), ("skylake-avx512", "+avx2,+avx512f", True)]
)
def test_a_processor_that_numba_is_told_of_is_believed(monkeypatch, name, features, expected):
    monkeypatch.setattr(compiled.config, "CPU_NAME", name)
    monkeypatch.setattr(compiled.config, "CPU_FEATURES", features)
    assert compiled.presses() is expected


@settings(deadline=None)  # it is compiled by the first call
@given(st.lists(FINITE, min_size=1, max_size=50))
def test_bf16_is_the_nearest(values):
    import torch

    numbers = torch.tensor(values, dtype=torch.float32)
    ours = [int(moving._rounded(np.int32(bits))) for bits in numbers.view(torch.int32).tolist()]
    assert ours == numbers.to(torch.bfloat16).view(torch.uint16).tolist()
