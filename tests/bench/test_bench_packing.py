"""Training without padding on the lengths of TRACE's real records: against padded rows, and transformers' Trainer.

Processor time of one thread, all in one process, a step of each in turn; the model is small, as ratios depend on
lengths more than on size (`docs/performance.md` has a larger one). Without the real records nothing is measured.
"""

import dataclasses
import json
import os
import random
import statistics
import time
from pathlib import Path

import pytest
import small
import torch

from clbench.data.example import Example
from clbench.data.tokenising import Encoder
from clbench.models.bearing.padding import Padding
from clbench.spec.protocol import Runtime

TASKS = ("C-STANCE", "FOMC", "Py150", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds", "MeetingBank", "20Minuten")
GLOBAL_BATCH = 16
LEAST = 1.5
FORMS = {  # the first is what was before: sixteen rows, however long
    "padded": {"packing": "off", "micro_tokens": 10**9},
    "padded, at most 4,096 tokens": {"packing": "off"},
    "packed": {"packing": "on"},
}


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def steps():
    """A global batch of each task: encoded records."""
    folder = Path(os.environ.get("CLBENCH_TEST_DATA", "/nowhere")) / "trace"
    if not folder.is_dir():
        pytest.skip("CLBENCH_TEST_DATA names no folder with TRACE's records")
    from clbench.models.loading import BUNDLED, describe, load_tokenizer

    encoder, found = Encoder(load_tokenizer(describe(BUNDLED)), max_prompt=1024, max_answer=512), []
    for task in TASKS:
        records = json.loads((folder / task / "train.json").read_text("utf-8"))
        records = random.Random(0).sample(records, GLOBAL_BATCH)
        examples = [Example(prompt=one["prompt"], answer=one["answer"], task=task) for one in records]
        found.append(encoder.examples(examples)[0])
    return found


def bundled():
    from clbench.models.loading import BUNDLED

    trainer = small.make_trainer(BUNDLED, padding=Padding(packing=2**31), learning_rate=1e-4)
    trainer.on_step = lambda told: None
    trainer.forward_model.train()
    return trainer


def theirs(model, steps):
    """Transformers' Trainer over the same steps in their order, its own loss over all answer tokens of a batch."""
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        output_dir="unused", per_device_train_batch_size=GLOBAL_BATCH, use_cpu=True, report_to=[], save_strategy="no"
    )
    trainer = Trainer(model, arguments)
    trainer.create_optimizer_and_scheduler(100)
    trainer.model_accepts_loss_kwargs = True
    made = [rows(step) for step in steps]

    def step(number):
        batch = made[number]
        trainer.training_step(model, batch, num_items_in_batch=(batch["labels"][:, 1:] != -100).sum())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return step


def rows(step):
    """As its data collator for padded sequences makes them."""
    width = max(len(one.ids) for one in step)
    ids, labels, mask = (torch.full((len(step), width), value) for value in (0, -100, 0))
    for row, one in enumerate(step):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        mask[row, : len(one.ids)] = 1
        labels[row, len(one.ids) - one.num_answer : len(one.ids)] = torch.tensor(one.ids[-one.num_answer :])
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def seconds(work, *given):
    began = time.process_time()
    work(*given)
    return time.process_time() - began


def test_training_without_padding(benchmark, one_thread, steps):
    trainer = bundled()
    plain = dataclasses.replace(trainer.batching)
    other = theirs(bundled().run.model.train(), steps)
    spent = {name: [] for name in (*FORMS, "transformers")}
    for number, step in enumerate(steps):
        for name, runtime in FORMS.items():
            trainer.batching.runtime = plain.runtime.model_copy(update=runtime)
            spent[name].append(seconds(lambda step=step: trainer.step(step, rate=1e-4)))
        spent["transformers"].append(seconds(other, number))
    tokens = sum(len(one.ids) for step in steps for one in step)
    widest = sum(max(len(one.ids) for one in step) * len(step) for step in steps)
    benchmark.extra_info["floor"] = round(widest / tokens, 3)
    for name, each in spent.items():
        benchmark.extra_info[f"{name}, tokens/s"] = round(tokens / sum(each))
        benchmark.extra_info[f"{name} / packed"] = round(sum(each) / sum(spent["packed"]), 3)
    benchmark.extra_info["median of steps, padded / packed"] = round(
        statistics.median(a / b for a, b in zip(spent["padded"], spent["packed"], strict=True)), 3
    )
    trainer.batching.runtime = Runtime(packing="on", device="cpu")
    benchmark.pedantic(lambda: trainer.step(steps[1], rate=1e-4), rounds=1)
    assert sum(spent["padded"]) >= LEAST * sum(spent["packed"])
    assert sum(spent["transformers"]) >= LEAST * sum(spent["packed"])
