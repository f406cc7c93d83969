"""What the harness adds to a training step: the same step in bare torch beside it, in one process.

Processor time of one thread, so that a busy machine does not change the ratio. Run by `pytest tests/bench -o addopts=
--import-mode=importlib`, or by tox's bench environment.
"""

import time

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.batches import collate

MOST = 1.03  # the design's figure
ROUNDS = 12


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path):
    """A model whose step takes long enough to be measured, as real ones do."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = small.byte_level()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=4
    )
    return small.save(tmp_path / "model", LlamaForCausalLM(config), tokenizer)


def bare_step(folder, examples):
    """The same step without a harness: tensors ready, one batch, loss, gradient, clipping, AdamW."""
    trainer = small.make_trainer(folder)
    model = trainer.run.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.0)
    encoded, _ = trainer.encoder.examples(examples)
    batch = collate(encoded, pad=0)
    tokens = sum(one.num_answer for one in encoded)

    def step():
        hidden = model.model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden.flatten(0, 1)[batch["places"]])
        loss = F.cross_entropy(logits, batch["targets"], reduction="sum") / tokens
        loss.backward()
        loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def harness_step(folder, examples):
    """One step of the trainer, from encoded examples on, with plain fine-tuning as its method."""
    trainer = small.make_trainer(folder)
    trainer.on_step = lambda *told: None
    trainer.forward_model.train()
    encoded, _ = trainer.encoder.examples(examples)
    return lambda: trainer.step(encoded, rate=3e-3)


def seconds(step):
    began = time.process_time()
    step()
    return time.process_time() - began


def test_the_harness_around_a_step_costs_next_to_nothing(benchmark, one_thread, folder):
    examples = small.examples(16)
    bare, harness = bare_step(folder, examples), harness_step(folder, examples)
    for step in (bare, harness):
        step()
    pairs = [(seconds(harness), seconds(bare)) for _ in range(ROUNDS)]
    ratio = min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)
    benchmark.extra_info["harness / bare torch"] = round(ratio, 4)
    benchmark.pedantic(harness, rounds=3)
    assert ratio <= MOST
