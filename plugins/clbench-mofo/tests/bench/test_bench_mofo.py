"""A whole MoFO step against the authors' algorithm and against AdamW, as ratios measured side by side in one process.

    pytest plugins/clbench-mofo --benchmark-only

The machine's load falls on both sides of a pair alike, so the median of the ratios is what to quote.
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from clbench_mofo.optimizer import MofoAdamW
from clbench_mofo.select import kth_largest

SHAPES = ((2048, 5632), (2048, 2048), (2048, 256), (2048,))
COMMON = {"lr": 1e-5, "betas": (0.9, 0.95), "eps": 1e-8}


class AuthorsMofo:
    """The published step, operation by operation, from its description (specs/methods.md §2.1); one tensor at a time."""

    def __init__(self, params, *, fraction, lr, betas, eps, weight_decay=0.0):
        self.params, self.fraction, self.lr, self.eps, self.weight_decay = params, fraction, lr, eps, weight_decay
        self.beta1, self.beta2 = betas
        self.state = {p: (torch.zeros_like(p), torch.zeros_like(p)) for p in params}
        self.t = 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p in self.params:
            grad, (m, v) = p.grad.to(torch.float32), self.state[p]
            if self.weight_decay:
                p.mul_(1 - self.lr * self.weight_decay)
            m.lerp_(grad, 1 - self.beta1)
            v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
            h = (v.sqrt() / (1 - self.beta2**self.t) ** 0.5).add_(self.eps)
            largest, _ = torch.topk(m.abs().flatten(), int(m.numel() * self.fraction))
            mask = m.abs() >= largest.min()
            p.addcdiv_(torch.where(mask, m, torch.zeros_like(m)), h, value=-self.lr / (1 - self.beta1**self.t))


def parameters():
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator) * 0.02) for shape in SHAPES]
    for p in params:
        spread = torch.rand(p.shape, generator=generator) ** 2  # gradients of unequal size, as a model's are
        p.grad = torch.randn(p.shape, generator=generator) * spread * 1e-3
    return params


def mofo(fraction):
    return MofoAdamW(parameters(), fraction=fraction, **COMMON)


OTHERS = {
    "authors": lambda fraction: AuthorsMofo(parameters(), fraction=fraction, **COMMON),
    "adamw-loop": lambda _: torch.optim.AdamW(parameters(), weight_decay=0, **COMMON),
    "adamw-foreach": lambda _: torch.optim.AdamW(parameters(), weight_decay=0, foreach=True, **COMMON),
    "adamw-fused": lambda _: torch.optim.AdamW(parameters(), weight_decay=0, fused=True, **COMMON),
}


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def paired_ratio(work, other, *, rounds):
    """Median of other's time over work's, the two run in turn."""
    work(), other()
    return statistics.median(seconds(other) / seconds(work) for _ in range(rounds))


@pytest.mark.parametrize("fraction", [0.05, 0.15])
@pytest.mark.parametrize("other", list(OTHERS))
def test_step(benchmark, other, fraction):
    ours, theirs = mofo(fraction), OTHERS[other](fraction)
    ratio = paired_ratio(ours.step, theirs.step, rounds=9)
    benchmark.extra_info[f"{other} / mofo"] = round(ratio, 2)
    benchmark.pedantic(ours.step, rounds=3)
    print(f"\n{other} / mofo at {fraction}: {ratio:.2f}")  # noqa: T201
    if other == "authors":
        assert ratio >= 4


@pytest.mark.parametrize("fraction", [0.05, 0.15])
def test_selection(benchmark, fraction):
    values = torch.randn(2048 * 5632, generator=torch.Generator().manual_seed(0))
    k = int(fraction * values.numel())
    ratio = paired_ratio(lambda: kth_largest([values], k), lambda: values.abs().topk(k).values.min(), rounds=9)
    benchmark.extra_info["topk(sorted).min() / kth_largest"] = round(ratio, 2)
    benchmark.pedantic(kth_largest, args=([values], k), rounds=3)
    print(f"\ntopk(sorted).min() / kth_largest at {fraction}: {ratio:.2f}")  # noqa: T201


def test_both_steps_are_the_same():
    ours, theirs = parameters(), parameters()
    one, other = MofoAdamW(ours, fraction=0.05, **COMMON), AuthorsMofo(theirs, fraction=0.05, **COMMON)
    for _ in range(2):
        one.step()
        other.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))
