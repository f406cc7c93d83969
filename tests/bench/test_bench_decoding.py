"""What our own decoding saves against transformers' `generate`, on prompts that begin alike and have unlike lengths.

Processor time of one thread, both in turn, so that a busy machine does not change the ratio. Run as
`test_bench_trainer.py` is.
"""

import random
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch

import clbench.tiny
from clbench.data.example import Example
from clbench.evaluation.evaluator import Evaluator

LEAST = 1.4  # times faster
PAIRS, PROMPTS, NEW = 5, 64, 24
BUNDLED = Path(clbench.tiny.__file__).parent
WORDS = ["hawk", "dove", "neutral", "budget", "council", "17", "apples", "eats", "problem", "following"]


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def prompts():
    rng = random.Random("bench")
    said = (" ".join(rng.choices(WORDS, k=rng.randint(6, 24))) for _ in range(PROMPTS))
    return [
        Example("own/word", f"What follows? Answer with what the council would say.\n{one}\nAnswer:", "d")
        for one in said
    ]


def test_answers_are_written_in_two_thirds_of_the_time(benchmark, one_thread):
    trainer = small.make_trainer(BUNDLED, max_answer_tokens=NEW)
    own = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    plain = replace(own, runtime=own.runtime.model_copy(update={"engine": "hf"}), engines=None)
    model, asked = trainer.run.model.eval(), prompts()

    def seconds(evaluator):
        began = time.process_time()
        found = evaluator.predict(model, asked, max_new_tokens=NEW)
        return time.process_time() - began, found

    assert seconds(own)[1] == seconds(plain)[1]  # with the first batch's check
    assert (list(own.wrote), list(plain.wrote)) == (["greedy"], ["hf"])
    ratios = []
    for _ in range(PAIRS):
        quick, slow = seconds(own)[0], seconds(plain)[0]
        ratios.append(slow / quick)
    benchmark.extra_info["generate / greedy"] = round(statistics.median(ratios), 2)
    benchmark.pedantic(seconds, args=(own,), rounds=2)
    assert statistics.median(ratios) >= LEAST
