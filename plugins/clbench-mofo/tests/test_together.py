"""Selection from parts: against a sort, and on two processes against whole tensors, bit for bit."""

from __future__ import annotations

import numpy as np
import pair
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clbench.base.errors import OptionError
from clbench_mofo.gmt import mask, mask_together
from clbench_mofo.optimizer import MofoAdamW
from clbench_mofo.together import kth_largest

SHAPES = ((33, 17), (1, 50), (7,), (64, 64))
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = hnp.arrays(np.float32, st.integers(0, 60), elements=FLOATS | st.sampled_from([-1.0, 0.0, 1.0]))


@given(st.lists(st.lists(ARRAYS, min_size=1, max_size=3), min_size=1, max_size=4), st.data())
@settings(max_examples=150, deadline=None)
def test_equals_sorting(arrays, data):
    populations = [[torch.from_numpy(one) for one in some] for some in arrays if sum(map(len, some))]
    if not populations:
        return
    ranks = [data.draw(st.integers(1, sum(map(len, some)))) for some in populations]
    found = kth_largest(populations, ranks, add=lambda counts: counts)
    for some, rank, threshold in zip(populations, ranks, found, strict=True):
        assert threshold == torch.cat(some).abs().sort(descending=True).values[rank - 1]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_fewer_bits_are_exact(kind):
    values = torch.randn(999, generator=torch.Generator().manual_seed(1)).to(kind)
    (found,) = kth_largest([[values[:400], values[400:]]], [70], add=lambda counts: counts)
    assert found.to(kind) == values.abs().sort(descending=True).values[69]


def tensors(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).round(decimals=1) for shape in SHAPES]  # with many ties


def apart(some):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (2,))
    return [distribute_tensor(one, mesh, [Shard(0)], src_data_rank=None) for one in some]


def full(some):
    return [one.full_tensor() if hasattr(one, "full_tensor") else one for one in some]


def stepped(cut, **options):
    """Weights, moments and counts after three steps, the last of them after saving and loading."""
    params = [torch.nn.Parameter(one) for one in cut(tensors(0))]
    made = MofoAdamW(params, lr=1e-2, weight_decay=0.1, fraction=0.1, **options)
    for step in range(3):
        if step == 2:
            state, shares = made.state_dict(), made.shares
            made = MofoAdamW(params, lr=1e-2, weight_decay=0.1, fraction=0.1, **options)
            made.load_state_dict(state)
            made.shares = shares
        made.measure = step != 1
        for p, gradient in zip(params, cut(tensors(step + 1)), strict=True):
            p.grad = gradient
        made.step()
    moments = [made.state[p][name] for p in params for name in ("exp_avg", "exp_avg_sq")]
    return full([p.detach() for p in params]), full(moments), made.shares


WAYS = [
    {},
    {"scope": "global"},
    {"score": "mv", "decay": "selected"},
    {"score": "magnitude"},
    {"score": "gradient"},
]


def same_entries():
    """Called by both."""
    for options in WAYS:
        found, expected = stepped(apart, **options), stepped(list, **options)
        for one, other in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
            assert torch.equal(one, other), options
        assert found[2] == expected[2]
    held = apart(tensors(5))
    mask_together(held, ratio=0.2)
    assert all(map(torch.equal, full(held), [mask(one, ratio=0.2) for one in tensors(5)]))
    for options in ({"scope": "shard", "shards": 2}, {"score": "random"}):
        with pytest.raises(OptionError, match=r"is defined on whole tensors; leave FSDP off"):
            stepped(apart, **options)


def test_two_processes_select_the_entries_of_one(tmp_path):
    codes = pair.run(same_entries, log=tmp_path / "log")
    assert codes == [0, 0], (tmp_path / "log").read_text()
