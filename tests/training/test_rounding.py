"""Stochastic rounding: right on average, one of the two neighbours always."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import seeding
from clbench.training.rounding import to_bf16

FLOATS = st.floats(
    width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False, min_value=-(2.0**99), max_value=2.0**99
)


def noise(*names):
    return seeding.torch_rng(0, *names)


@given(st.lists(FLOATS, min_size=1, max_size=64), st.integers(0, 2**31))
def test_a_number_becomes_one_of_its_two_neighbours(numbers, seed):
    exact = torch.tensor(numbers)
    rounded = to_bf16(exact, noise(seed)).float()
    below = (exact.view(torch.int32) & -(2**16)).view(torch.float32)  # towards zero
    above = ((exact.view(torch.int32) & -(2**16)) + 2**16).view(torch.float32)
    assert bool(((rounded == below) | ((rounded == above) & (exact != below))).all())


def test_the_mean_is_the_number():
    exact = torch.full((200_000,), 1.0 + 2.0**-10)  # an eighth of the way from 1 to the next, 1 + 2⁻⁷
    rounded = to_bf16(exact, noise("mean")).float()
    assert rounded.unique().tolist() == [1.0, 1.0 + 2.0**-7]
    assert abs(float((rounded > 1).float().mean()) - 0.125) < 4 * (0.125 * 0.875 / 200_000) ** 0.5


def test_what_is_no_number_stays_so():
    odd = torch.tensor([float("inf"), -float("inf"), float("nan"), 0.0, -0.0])
    assert torch.equal(to_bf16(odd, noise("odd")).nan_to_num(7.0), odd.to(torch.bfloat16).nan_to_num(7.0))


def test_the_noise_is_the_generators_alone():
    before = torch.get_rng_state()
    first, again = (to_bf16(torch.linspace(-1, 1, 999), noise("same")) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
