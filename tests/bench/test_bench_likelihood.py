"""What sharing saves: 5-shot questions of four choices, against a forward pass for each choice.

Processor time of one thread, so that a busy machine does not change the ratio. Run as `test_bench_trainer.py` is.
"""

import random
import time

import pytest
import small
import torch

from clbench.data.example import Example
from clbench.evaluation import likelihood
from clbench.evaluation.evaluator import Evaluator

LEAST = 4.0  # times faster
QUESTIONS = 12
WORDS = ["hawk", "dove", "neutral", "budget", "council", "17", "apples", "eats", "problem", "following"]


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path):
    """A model whose forward pass takes long enough to be measured."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = small.byte_level()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=344, num_hidden_layers=4, num_attention_heads=4
    )
    return small.save(tmp_path / "model", LlamaForCausalLM(config), tokenizer)


def questions(*, single):
    """Of one subject: five solved examples, then a question; its choices are letters, or sentences."""
    rng = random.Random("bench")

    def asked(number):
        said = " ".join(rng.choices(WORDS, k=rng.randint(12, 20)))
        listed = "".join(f"\n{letter}. {' '.join(rng.choices(WORDS, k=3))}" for letter in "ABCD")
        return f"{number}. {said}{listed}\nAnswer:"

    head = "".join(f"{asked(n)} {rng.choice('ABCD')}\n\n" for n in range(5))
    made = []
    for number in range(QUESTIONS):
        found = [f" {letter}" if single else f" {' '.join(rng.choices(WORDS, k=5))} {letter}" for letter in "ABCD"]
        made.append(Example("own/quiz", head + asked(number), found[0], tuple(found), start=len(head)))
    return made


def separately(evaluator, model, asked):
    """One forward pass a choice."""
    found = []
    with torch.inference_mode():
        for one in asked:
            values = []
            for row, scored in zip(one.rows, one.scored, strict=True):
                logits = model(torch.tensor([row]), use_cache=False, logits_to_keep=scored + 1).logits[0, :-1]
                picked = logits.log_softmax(-1).gather(-1, torch.tensor(row[-scored:])[:, None])
                values.append(picked.sum().item())
            found.append(values)
    return found


def shared(evaluator, model, asked):
    """As the evaluator does it."""
    found = {}
    for batch in likelihood.plan_batches(asked, size=16, tokens=16 * 4096):
        found |= dict(zip(batch, evaluator._likelihoods(model, [asked[i] for i in batch]), strict=True))
    return [found[i] for i in range(len(asked))]


def seconds(way, *args):
    began = time.process_time()
    found = way(*args)
    return time.process_time() - began, found


@pytest.mark.parametrize("single", [True, False], ids=["letters", "sentences"])
def test_five_shot_questions_are_asked_in_a_quarter_of_the_time(benchmark, one_thread, folder, single):
    trainer = small.make_trainer(folder, max_prompt_tokens=4096)
    evaluator = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    model = trainer.run.model.eval()
    asked = likelihood.encode(evaluator.encoder, questions(single=single), window=4096)
    shared(evaluator, model, asked)  # with the check of the cache
    quick, values = min((seconds(shared, evaluator, model, asked) for _ in range(3)), key=lambda pair: pair[0])
    slow, expected = seconds(separately, evaluator, model, asked)
    for found, right in zip(values, expected, strict=True):
        assert found == pytest.approx(right, rel=1e-4, abs=1e-4)
    benchmark.extra_info["four passes / shared"] = round(slow / quick, 2)
    benchmark.pedantic(shared, args=(evaluator, model, asked), rounds=2)
    assert slow / quick >= LEAST
