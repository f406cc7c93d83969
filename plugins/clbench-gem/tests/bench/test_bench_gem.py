"""Projection of a step's gradient against a backward pass, as ratios measured side by side in one process.

pytest plugins/clbench-gem --benchmark-only -s
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from clbench_gem.project import project
from clbench_gem.references import References

WIDTH, LAYERS, TOKENS = 512, 16, 512  # 4.2 M parameters; two examples of 256 tokens
ROUNDS = 9


def model():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS)]
    return torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.GELU())))


def seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.fixture
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("tasks", [1, 3, 7])
def test_projection(benchmark, tasks):
    network, inputs = model(), torch.randn(TOKENS, WIDTH)
    params = dict(network.named_parameters())

    def backward():
        network.zero_grad(set_to_none=False)
        network(inputs).square().mean().backward()

    backward()
    references = References(params, rows=tasks, dtype=torch.float32)
    generator = torch.Generator().manual_seed(1)
    for row in range(tasks):
        noise = {name: torch.randn(p.shape, generator=generator) for name, p in params.items()}
        references.put(row, {name: noise[name] * p.grad.norm() / WIDTH - p.grad for name, p in params.items()})

    def projection():
        products = references.products(tasks)
        found = project(products[:-1, :-1], products[:-1, -1], float(products[-1, -1]) ** 0.5)
        if found is not None:
            references.add(found.coefficients)

    ratio = statistics.median(seconds(projection) / seconds(backward) for _ in range(ROUNDS))
    benchmark.extra_info[f"projection on {tasks} tasks / forward and backward"] = round(ratio, 3)
    benchmark.pedantic(projection, rounds=3)
    print(f"\nprojection on {tasks} tasks / forward and backward: {ratio:.3f}")  # noqa: T201 (the figure to quote)
    assert ratio < tasks + 1  # less than the passes that the references themselves need
