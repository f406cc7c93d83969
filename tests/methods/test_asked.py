"""Who runs a model says what its rows are asked: in training, generation, likelihoods and divergences."""

from __future__ import annotations

from dataclasses import replace

import pytest
import small
import torch

from clbench.data.example import Example
from clbench.evaluation.divergence import logits_of
from clbench.methods.asked import asked, prompts

llama = small.llama


@pytest.fixture
def trainer(llama):
    return small.make_trainer(llama)


@pytest.fixture
def heard(trainer):
    """What each pass of the whole model was asked, with the number of its rows."""
    found = []

    def hear(_, args, kwargs):
        found.append((trainer.run.prompts, kwargs["input_ids"].shape[0]))

    trainer.run.model.register_forward_pre_hook(hear, with_kwargs=True)
    return found


def asked_of(trainer, examples):
    encoder = trainer.encoder
    return [tuple(ids) for ids in encoder.prompts([encoder.asked(one) for one in examples])]


def test_in_a_context_they_are_one_object_and_outside_there_are_none():
    assert prompts() is None
    told = []
    with asked(lambda: told.append(1) or [[1, 2], [3]]):
        assert prompts() is prompts()
        with asked(lambda: [[4]]):
            assert prompts() == ((4,),)
        assert prompts() == ((1, 2), (3,))
    assert prompts() is None
    assert told == [1]


def test_nobody_is_told_who_does_not_ask():
    with asked(lambda: pytest.fail("nobody wants to know")):
        pass


def test_losses_and_training_steps(trainer, heard):
    examples = small.examples(5)
    trainer.run.loss(examples)
    ((told, rows),) = heard
    assert (sorted(told), rows) == (sorted(asked_of(trainer, examples)), 5)
    rows = trainer.encoder.examples(examples)[0]
    trainer.accumulator.gradient(rows)
    ordered = sorted(rows, key=lambda one: len(one.ids))
    assert heard.pop() == (tuple(one.ids[: -one.num_answer] for one in ordered), 5)


def test_generation_continues_the_same_rows(trainer, heard):
    examples = small.examples(3)
    trainer.run.generate(examples, temperature=0, max_new_tokens=3)
    assert len(heard) > 1
    assert {frozenset(one) for one, _ in heard} == {frozenset(asked_of(trainer, examples))}
    assert all(one is heard[0][0] for one, _ in heard)


@pytest.mark.parametrize("heads", [True, False])
def test_likelihoods_are_asked_what_stands_before_all_choices(trainer, heard, heads):
    evaluator = replace(trainer.run.answering.evaluator, heads=heads)
    text = "Of the following, which one is it, and why is it none of the others? "
    examples = [Example("own/word", text + said, "dove", choices=("dove", "a hawk")) for said in ("One:", "Two, then:")]
    evaluator.choose(trainer.run.model, examples)
    wanted = set(asked_of(trainer, examples))
    assert all(len(one) == rows for one, rows in heard)
    assert {ids for one, _ in heard for ids in one} <= wanted
    assert (min(rows for _, rows in heard) == 1) == heads, "a common head is a row of its own"


def test_a_divergence_is_of_the_text_itself(trainer, heard):
    logits_of(trainer.run.model, protocol=trainer.protocol, device=torch.device("cpu"))([5, 6, 7])
    assert heard == [(((5, 6, 7),), 1)]
