"""The tables of a launch: every entry is in one chunk of one row, every list has a place of its own."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench_mofo.layout import SPARE, lay_out
from clbench_mofo.slices import partition

CPU = torch.device("cpu")


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    scope=st.sampled_from(["tensor", "global", "shard"]),
    shards=st.integers(1, 5),
    fraction=st.sampled_from([0.001, 0.1, 0.9]),
    span=st.sampled_from([64, 1000]),
)
def test_chunks_cover_every_entry_once(sizes, scope, shards, fraction, span):
    populations = partition(sizes, fraction=fraction, scope=scope, shards=shards)
    made = lay_out(populations, span=span, device=CPU)
    seen = [torch.zeros(size, dtype=torch.int32) for size in sizes]
    for row, chunk in made.blocks.tolist():
        part = made.parts[row]
        seen[part.tensor][part.start + chunk * span : min(part.stop, part.start + (chunk + 1) * span)] += 1
    assert all(bool((one == 1).all()) for one in seen)
    ranks, rooms = made.state[:, 0].tolist(), made.state[:, 1].tolist()
    assert ranks == [rank for _, rank in populations]
    assert sum(rooms) <= len(made.places) <= max(1, sum(2 * rank + SPARE for rank in ranks))
    begins = {int(number): int(begin) for number, begin in made.fixed[:, 6:8]}
    assert [begins[number] for number in range(len(ranks))] == [sum(rooms[:number]) for number in range(len(ranks))]


def test_addresses_are_those_of_the_parts():
    weights = torch.zeros(10, dtype=torch.bfloat16)
    made = lay_out(partition([10], fraction=0.2, scope="shard", shards=3), span=64, device=CPU)
    made.place(torch.tensor([[weights.data_ptr(), 0, 0, 0, 0]]).numpy(), (2, 2, 4, 4, 0))
    assert made.rows[:, 0].tolist() == [weights[start:].data_ptr() for start in (0, 4, 8)]
    assert made.rows[:, 5].tolist() == [4, 4, 2]
    assert not made.aligned
