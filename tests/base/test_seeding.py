"""Named randomness: each use has its own generator, the same on every machine."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import seeding


@pytest.mark.parametrize(
    ("seed", "names", "value"),
    [
        (0, (), 2724060835474316774),
        (0, ("data",), 1757371066795437455),
        (1, ("data",), 7507137373064957153),
        (0, ("data", 3), 6094815893461947077),
    ],
    ids=str,
)
def test_derived_seed_never_changes(seed, names, value):
    assert seeding.derive(seed, *names) == value


@given(st.integers(0, 2**32), st.lists(st.text(max_size=5) | st.integers(), max_size=3))
def test_derived_seed_fits_63_bits(seed, names):
    assert 0 <= seeding.derive(seed, *names) < 2**63


def test_every_seed_and_name_has_a_stream_of_its_own():
    names = ("order", "model", "method", "memory")
    uses = [(seed, *path) for seed in range(20) for n in (1, 2) for path in itertools.product(names, repeat=n)]
    assert len({seeding.derive(*use) for use in uses}) == len(uses)
    assert seeding.derive(0, "ab", "c") != seeding.derive(0, "a", "bc") != seeding.derive(0, "abc")


def test_rng_begins_anew_at_each_call_and_leaves_the_global_one_alone():
    before = random.getstate()
    first = seeding.rng(0, "a")
    drawn = [first.random(), first.random()]
    assert seeding.rng(0, "a").random() == drawn[0] != drawn[1]
    assert seeding.rng(0, "b").random() != drawn[0]
    assert random.getstate() == before
