"""A method's steps are those of a run, and both sides of a ratio train."""

import math

import pytest
import torch

from clbench.models.device import make_accelerator, training_flops
from clbench.plugins.registry import registry
from clbench.speed import answering, steps, training
from clbench.speed.shapes import SHAPES, Shape
from clbench.speed.subject import PAST, RECORDS, take

SMALL = Shape("small", 32, 64, 2, 4, 2, 2048)  # the bundled tokenizer's vocabulary
SETTINGS = {"protocol": {"precision": "fp32"}, "runtime": {"device": "cpu", "drift": False, "micro_batch": 2}}


def subject(name, shape=SMALL):
    return take(name, shape, accelerator=make_accelerator("cpu"), registry=registry(), settings=SETTINGS)


def weights(one):
    return [p.detach().clone() for p in one.model.parameters() if p.requires_grad]


@pytest.mark.parametrize("name", ["sequential", "mofo", "gem", "lora"])
def test_a_step_trains(name):
    one = subject(name)
    before = weights(one)
    one.train(one.steps(2)[:1])
    assert any(not torch.equal(p, q) for p, q in zip(before, weights(one), strict=True))
    assert all(torch.isfinite(p).all() for p in weights(one))


def test_gem_remembers_its_past():
    assert subject("gem").method.footprint().stored_examples == PAST * RECORDS


def test_an_optimizers_step_stands_beside_a_fused_one():
    (figure,) = steps.optimizers(subject("mofo"), budget=0.01)
    assert figure.value > 0
    assert figure.beside[steps.FUSED] > 0
    assert f"MofoAdamW over {SMALL.parameters:,} parameters" in figure.note


def test_steps_stand_beside_anothers(monkeypatch):
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_PROMPT", 16)
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_ANSWER", 4)
    one, other = subject("lora"), subject("sequential")
    figure = steps.whole(one, other, records=2, budget=0.01)
    assert figure.value > 0
    assert figure.beside["sequential"] > 0
    assert figure.note.startswith("8 steps of 2 records")


def test_three_loops_take_the_same_steps(monkeypatch):
    """From the same weights: clbench's, a bare one's and transformers' losses fall alike, and each trains."""
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_PROMPT", 16)
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_ANSWER", 4)
    moved = {}
    for name, make in {
        "clbench": lambda one, batches: lambda: one.train(batches),
        "bare": training._bare,
        "Trainer": training._transformers,
    }.items():
        one = subject("sequential")
        batches, before = one.steps(2), weights(one)
        make(one, batches)()
        moved[name] = math.fsum((p - q).square().sum().item() for p, q in zip(before, weights(one), strict=True))
    assert moved["bare"] == pytest.approx(moved["clbench"], rel=0.2)
    assert moved["Trainer"] > 0


def test_tokens_a_second_are_counted_from_the_steps(monkeypatch):
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_PROMPT", 16)
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_ANSWER", 4)
    monkeypatch.setattr("clbench.speed.timing.seconds", lambda work, device: (work(), 0.5)[1])
    one = subject("sequential")
    figure = training.tokens_a_second(one, records=2, most=1e9, budget=0.01)
    tokens = sum(len(row.ids) for batch in one.steps(2) for row in batch)
    assert figure.value == pytest.approx(2 * tokens)
    assert figure.beside == {
        "bare torch": 1.0,
        "Trainer": 1.0,
        "peak": pytest.approx(training_flops(one.model, 2 * tokens) / 1e9),
    }


@pytest.mark.parametrize("engine", ["greedy", "hf"])
def test_every_way_of_answering_gives_the_same_tokens(engine):
    one = subject("sequential", SHAPES["tiny"])
    asked = [list(row.ids[: -row.num_answer])[-40:] for batch in one.steps(1) for row in batch]
    evaluators, missing = answering._engines(one)
    assert set(missing) == {"continuous", "vllm"}
    ours = answering._ours(evaluators[engine], one, asked, limit=4)
    assert ours == [ids[:4] for ids in answering._theirs(one, asked, limit=4)]
    assert list(evaluators[engine].wrote) == [engine]


def test_answers_are_counted_for_each_engine(monkeypatch):
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_PROMPT", 16)
    monkeypatch.setattr("clbench.speed.timing.seconds", lambda work, device: (work(), 0.5)[1])
    greedy, hf, *others = answering.tokens_a_second(subject("sequential"), prompts=1, limit=2, budget=0.01)
    assert greedy.value == hf.value == 8 * 2 / 0.5
    assert greedy.beside == hf.beside == {answering.OTHERS: 1.0}
    assert all(one.value is None for one in others)
    assert all(one.note.startswith("unmeasured: ") for one in others)
