"""Avalanche's storage policies over examples: what they keep, how evenly, and their state."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import torch

from clbench import Example
from clbench_avalanche.memories import BufferMemory

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("avalanche_package")]


def experience(number, size):
    return [Example(f"task {number}", f"prompt {one}", "answer") for one in range(size)]


def filled(policy, *, size=6, sizes=(20, 10, 10), seed=0):
    memory = BufferMemory(policy, size=size)
    for number, many in enumerate(sizes):
        memory.add(experience(number, many), rng=random.Random(f"{seed} {number}"))
    return memory


def tasks(memory):
    return Counter(one.task for one in memory.examples())


@pytest.mark.parametrize("policy", ["reservoir", "experience_balanced"])
def test_what_is_kept_are_examples_seen(policy):
    memory = filled(policy)
    seen = {one for number, size in enumerate((20, 10, 10)) for one in experience(number, size)}
    assert len(memory) == len(set(memory.examples())) == 6
    assert set(memory.examples()) <= seen
    assert memory.examples() == filled(policy).examples()
    assert memory.examples() != filled(policy, seed=1).examples()


def test_less_than_the_size_is_all_kept():
    memory = filled("reservoir", size=50)
    assert len(memory) == 40


def test_a_balanced_memory_has_equal_parts():
    assert tasks(filled("experience_balanced")) == {"task 0": 2, "task 1": 2, "task 2": 2}
    assert tasks(filled("experience_balanced", size=7)) == {"task 0": 3, "task 1": 2, "task 2": 2}


def test_a_reservoir_is_uniform_over_the_stream():
    draws = 300
    counts = sum((tasks(filled("reservoir", size=4, seed=seed)) for seed in range(draws)), start=Counter())
    expected = {"task 0": draws * 4 * 20 / 40, "task 1": draws * 4 * 10 / 40, "task 2": draws * 4 * 10 / 40}
    chi_square = sum((counts[task] - many) ** 2 / many for task, many in expected.items())
    assert chi_square < 13.8, counts  # two degrees of freedom, p = 0.001


@pytest.mark.parametrize("policy", ["reservoir", "experience_balanced"])
def test_a_state_continues(policy):
    straight = filled(policy, sizes=(20, 10))
    resumed = BufferMemory(policy, size=6)
    resumed.load_state_dict(straight.state_dict())
    assert sorted(map(repr, resumed.examples())) == sorted(map(repr, straight.examples()))
    for memory in (straight, resumed):
        memory.add(experience(2, 10), rng=random.Random(7))
    assert straight.examples() == resumed.examples()


def test_global_randomness_stays():
    before = torch.get_rng_state()
    filled("reservoir")
    assert torch.equal(before, torch.get_rng_state())
