"""O-LoRA's penalty, forward and backward, against the authors' way of computing it, as a ratio within one process.

    pytest plugins/clbench-peft --benchmark-only --benchmark-json olora.json

Processor time of one thread; the median of pairs is the file's `ratio`.
"""

from __future__ import annotations

import statistics
import time

import torch

from clbench_peft.penalty import overlap

LAYERS, WIDTH, RANK, TASKS = 22, 2048, 8, 7  # TinyLlama-1.1B with q_proj and v_proj, before the last of TRACE's tasks
OTHERS = 5  # parameters of each projection that are neither A, as names go by in the authors' loop
ROUNDS = 9


def matrices():
    generator = torch.Generator().manual_seed(0)
    named = {}
    for layer in range(LAYERS):
        for target in ("q_proj", "v_proj"):
            name = f"model.layers.{layer}.self_attn.{target}"
            named[f"{name}.lora_A"] = torch.randn(RANK * TASKS, WIDTH, generator=generator)
            named[f"{name}.loranew_A"] = torch.randn(RANK, WIDTH, generator=generator).requires_grad_()
            named.update({f"{name}.other{number}": torch.zeros(1) for number in range(OTHERS)})
    return named


def loops(named):
    """As published: for every `lora_A`, look through all parameters for the `loranew_A` beside it."""
    total = torch.zeros(())
    for name, past in named.items():
        if "lora_A" in name:
            for other, new in named.items():
                if "loranew_A" in other and name.split("lora_A")[0] == other.split("loranew_A")[0]:
                    total = total + torch.abs(past @ new.T).sum()
                    break
    return total


def seconds(function):
    began = time.process_time()
    function().backward()
    return time.process_time() - began


def test_penalty_against_loops(benchmark):
    named = matrices()
    past = torch.stack([tensor for name, tensor in named.items() if ".lora_A" in name])
    new = [tensor for name, tensor in named.items() if "loranew_A" in name]
    torch.testing.assert_close(overlap(past, new), loops(named), rtol=1e-4, atol=0)
    pairs = [(seconds(lambda: overlap(past, new)), seconds(lambda: loops(named))) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    benchmark.pedantic(lambda: overlap(past, new).backward(), rounds=3)
    benchmark.extra_info["ratio"] = ratio
    assert ratio < 1
