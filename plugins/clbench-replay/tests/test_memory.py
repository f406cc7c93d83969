"""The policies: uniform where they say so, bounded, and the same from the same seed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2
from small import examples

from clbench import Example
from clbench_replay.memory import Kept, arrive, indices, keep, part, quotas, text_bytes

SIZES = {"a": 20, "b": 30, "c": 10}


def fill(seed, sizes=SIZES, **how):
    """The memory after each task."""
    memory, after = [], []
    for task, size in sizes.items():
        data = [Example(task, f"{task}{number}", "x") for number in range(size)]
        memory = keep(memory, arrive(task, data, rng=Random(f"{seed} {task}")), **how)
        after.append(memory)
    return after


def p_value(counts, trials, drawn):
    """Of inclusion counts of len(counts) records, if each trial draws `drawn` of them uniformly without replacement.

    The counts' covariance is trials p (1 - p) n / (n - 1) (I - 11ᵀ/n) with p = drawn / n, so the sum of squares over
    trials p (1 - p) n / (n - 1) is chi-square with n - 1 degrees of freedom.
    """
    n = len(counts)
    p = drawn / n
    statistic = sum((count - trials * p) ** 2 for count in counts) / (trials * p * (1 - p)) * (n - 1) / n
    return float(chi2.sf(statistic, n - 1))


def inclusions(trials, **how):
    counts = Counter()
    for seed in range(trials):
        counts.update((one.task, one.position) for one in fill(seed, **how)[-1])
    return [counts[task, position] for task, size in SIZES.items() for position in range(size)]


def test_the_reservoir_is_uniform_over_the_stream():
    assert p_value(inclusions(2000, policy="reservoir", size=12), 2000, 12) > 1e-3


def test_the_test_of_uniformity_finds_what_is_not_uniform():
    assert p_value(inclusions(2000, policy="task-balanced", size=12), 2000, 12) < 1e-12


@pytest.mark.parametrize(("how", "slots"), [({"size": 12}, (4, 4, 4)), ({"share": 0.2}, (4, 6, 2))])
def test_task_balanced_is_uniform_within_each_task(how, slots):
    counts, start = inclusions(2000, policy="task-balanced", **how), 0
    for size, drawn in zip(SIZES.values(), slots, strict=True):
        assert sum(counts[start : start + size]) == 2000 * drawn
        assert p_value(counts[start : start + size], 2000, drawn) > 1e-3
        start += size


def test_first_is_traces_first_tenth():
    sizes = {"a": 500, "b": 5000, "c": 70, "d": 3}
    found = indices(fill(0, sizes, policy="first", share=0.1)[-1])
    assert found == {"a": [*range(50)], "b": [*range(500)], "c": [*range(7)], "d": [0]}
    assert [part(100, share / 100) for share in range(1, 101)] == [*range(1, 101)], "no share is rounded off by binary"


def test_ring_keeps_the_last():
    after = fill(0, policy="ring", size=35)
    assert [indices(memory) for memory in after] == [
        {"a": [*range(20)]},
        {"a": [*range(15, 20)], "b": [*range(30)]},
        {"b": [*range(5, 30)], "c": [*range(10)]},
    ]


@pytest.mark.parametrize("policy", ["reservoir", "task-balanced"])
def test_index_lists_come_from_the_seed(policy):
    lists = [[indices(memory) for memory in fill(seed, policy=policy, size=9)] for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    size=st.integers(1, 40),
    policy=st.sampled_from(["reservoir", "task-balanced", "ring"]),
)
def test_memory_is_bounded_and_never_takes_back_what_it_dropped(sizes, size, policy):
    before = []
    named = {str(number): records for number, records in enumerate(sizes)}
    for number, memory in enumerate(fill(3, named, policy=policy, size=size)):
        assert len(memory) == min(size, sum(sizes[: number + 1]))
        assert [one for one in memory if one.task != str(number)] == [one for one in before if one in memory]
        assert memory == sorted(memory, key=lambda one: (int(one.task), one.position))
        before = memory


def test_tasks_shrink_as_others_come():
    found = [{task: len(of) for task, of in indices(m).items()} for m in fill(0, policy="task-balanced", size=24)]
    assert found == [{"a": 20}, {"a": 12, "b": 12}, {"a": 8, "b": 8, "c": 8}]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 60))
def test_quotas_are_max_min_fair(available, size):
    slots = quotas(available, size)
    assert sum(slots) == min(size, sum(available))
    for given_, there in zip(slots, available, strict=True):
        assert 0 <= given_ <= there
        assert given_ == there or given_ >= max(slots) - 1


def test_records_survive_json():
    memory = arrive("own/word", examples(5), rng=Random(0))
    assert [Kept.from_json(one) for one in json.loads(json.dumps([one.to_json() for one in memory]))] == memory
    assert text_bytes([Example("t", "支持", "é")]) == 8


AVALANCHE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from types import SimpleNamespace
from avalanche.benchmarks.utils import AvalancheDataset
from avalanche.training.storage_policy import ExperienceBalancedBuffer, ReservoirSamplingBuffer
trials, size, sizes = json.loads(sys.argv[1])
torch.manual_seed(0)
found = {}
for name, kind in (("reservoir", ReservoirSamplingBuffer), ("task-balanced", ExperienceBalancedBuffer)):
    counts = [[0] * n for n in sizes]
    for _ in range(trials):
        buffer = kind(size)
        for task, n in enumerate(sizes):
            buffer.post_adapt(None, SimpleNamespace(dataset=AvalancheDataset([[(task, i) for i in range(n)]])))
        for task, position in buffer.buffer:
            counts[task][position] += 1
    found[name] = counts
print(json.dumps(found))
"""


@pytest.mark.slow
def test_avalanches_storage_policies_have_the_same_distribution():
    """Both libraries' inclusion counts fit one distribution: a two-sample chi-square test, task by task or over all."""
    if find_spec("avalanche") is None:
        pytest.skip("avalanche-lib is not installed")
    trials, size = 600, 12
    given_ = json.dumps([trials, size, list(SIZES.values())])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AVALANCHE, given_], check=True, capture_output=True, text=True
    )
    for policy, theirs in json.loads(done.stdout.splitlines()[-1]).items():
        ours = inclusions(trials, policy=policy, size=size)
        flat = [count for counts in theirs for count in counts]
        assert sum(ours) == sum(flat) == trials * size
        if policy == "reservoir":
            assert two_sample(ours, flat, trials, size) > 1e-3
            continue
        start = 0
        for counts in theirs:
            mine = ours[start : start + len(counts)]
            assert sum(mine) == sum(counts) == trials * size // len(SIZES)
            assert two_sample(mine, counts, trials, size // len(SIZES)) > 1e-3
            start += len(counts)


def two_sample(ours, theirs, trials, drawn):
    n = len(ours)
    p = drawn / n
    squares = sum((one - other) ** 2 for one, other in zip(ours, theirs, strict=True))
    return float(chi2.sf(squares / (2 * trials * p * (1 - p)) * (n - 1) / n, n - 1))
