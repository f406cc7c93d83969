"""A layer's forward and backward pass, all experts at once against a loop over experts, as ratios in one process.

    pytest plugins/clbench-loramoe --benchmark-only -s

Processor time of one thread, so that a busy machine does not change the ratio; the median of pairs is what to quote.
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from clbench_loramoe.config import ExpertConfig
from clbench_loramoe.experts import ExpertLinear

INPUTS, OUTPUTS, TOKENS = 1024, 2816, 512
MOST = 1 / 3  # the design's figure: what the experts add to the frozen layer's time, against the loop
ROUNDS = 9


class LoopLinear(nn.Module):
    """The published layer, operation by operation: one expert after the other, each with a mask of its own."""

    def __init__(self, like):
        super().__init__()
        config = like.config
        self.base_layer, self.router, self.scaling, self.dropout = (
            like.base_layer,
            like.router,
            like.scaling,
            config.dropout,
        )
        self.down = nn.ParameterList(part.clone() for part in like.down.detach().split(config.rank))
        self.up = nn.ParameterList(part.clone() for part in like.up.detach().split(config.rank, dim=1))

    def forward(self, x):
        y = self.base_layer(x)
        weights = F.softmax(F.linear(x, self.router), dim=-1, dtype=torch.float32).to(x.dtype)
        for i, (a, b) in enumerate(zip(self.down, self.up, strict=True)):
            y = y + weights[..., i : i + 1] * F.linear(F.linear(F.dropout(x, self.dropout), a), b) * self.scaling
        return y


def layers(dropout, mask="shared"):
    torch.manual_seed(0)
    base = nn.Linear(INPUTS, OUTPUTS, bias=False).requires_grad_(False)
    ours = ExpertLinear(base, config=ExpertConfig(dropout=dropout, dropout_mask=mask))
    nn.init.normal_(ours.up, std=0.1)
    return base, ours, LoopLinear(ours)


def seconds(layer, x, back):
    began = time.process_time()
    layer(x).backward(back)
    return time.process_time() - began


@pytest.fixture
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize(("dropout", "mask"), [(0.05, "shared"), (0.05, "per-expert"), (0.0, "shared")])
def test_layer(benchmark, dropout, mask):
    base, ours, loop = layers(dropout, mask)
    x = torch.randn(1, TOKENS, INPUTS, requires_grad=True)
    back = torch.randn(1, TOKENS, OUTPUTS)
    rounds = [[seconds(layer, x, back) for layer in (base, ours, loop)] for _ in range(ROUNDS + 2)][2:]
    whole = statistics.median(mine / theirs for _, mine, theirs in rounds)
    added = statistics.median((mine - plain) / (theirs - plain) for plain, mine, theirs in rounds)
    times = ", ".join(f"{1e3 * statistics.median(column):.0f} ms" for column in zip(*rounds, strict=True))
    benchmark.extra_info.update(whole=round(whole, 3), added=round(added, 3))
    benchmark.pedantic(lambda: seconds(ours, x, back), rounds=3)
    said = f"dropout {dropout} {mask}: whole layer / loop {whole:.3f}, added / loop's added {added:.3f}"
    print(f"\n{said} (base, ours, loop: {times})")  # noqa: T201 (the figure to quote; shown by -s)
    if mask == "shared" and dropout:
        assert added <= MOST


def test_both_layers_are_the_same():
    """What is compared does the same."""
    _, ours, loop = layers(0.0)
    x = torch.randn(2, 5, INPUTS)
    torch.testing.assert_close(ours(x), loop(x), rtol=1e-4, atol=1e-4)
