"""A model asked between its steps: samples follow its distribution, move nothing else, and score as an evaluation's."""

import math
import random

import numpy as np
import pytest
import small
import torch
from scipy.stats import chisquare

from clbench import Prediction
from clbench.base.errors import RunError
from clbench.evaluation.answering import Draw
from clbench.training import runstate


@pytest.fixture(scope="module")
def trainer(llama):
    return small.make_trainer(llama)


def alone(model, ids):
    """Log-probabilities of the token after `ids`, by the model itself."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)


def test_draws_follow_the_distribution():
    logits = torch.randn(7, generator=torch.Generator().manual_seed(3)).double()
    numbers = torch.rand((20_000, 1), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    scores = logits.expand(20_000, -1)
    chosen = Draw(numbers, 0.7, [[1, 2]])(torch.ones((20_000, 2), dtype=torch.long), scores).argmax(-1)
    expected = (logits / 0.7).softmax(-1) * 20_000
    assert chisquare(np.bincount(chosen, minlength=7), expected.numpy()).pvalue > 1e-3


def test_what_cannot_be_is_never_drawn():
    scores = torch.tensor([[float("-inf"), 0.0, float("-inf"), 0.0, float("-inf")]] * 3)
    numbers = torch.tensor([[0.0], [0.5], [1 - 1e-16]], dtype=torch.float64)
    chosen = Draw(numbers, 1.0, [[1]])(torch.ones((3, 1), dtype=torch.long), scores).argmax(-1)
    assert chosen.tolist() == [1, 3, 3]


def test_samples_are_named_draws_and_do_not_depend_on_their_batch(llama, trainer):
    asked = small.examples(5)
    first = trainer.run.generate(asked, n=3)
    assert first == trainer.run.generate(asked, n=3)
    assert [[one.example for one in samples] for samples in first] == [[one] * 3 for one in asked]
    small_batches = small.make_trainer(llama, runtime={"eval_batch": 2})
    assert small_batches.run.generate(asked, n=3) == first
    assert trainer.run.generate(asked, n=3, stream="other") != first
    trainer.run.step = 1
    assert trainer.run.generate(asked, n=3) != first
    trainer.run.step = 0


def test_greedy_answers_are_an_evaluations(trainer):
    asked = small.examples(6)
    evaluator = trainer.run.answering.evaluator
    wanted = evaluator.predict(trainer.run.model, asked, max_new_tokens=6)
    found = [one for (one,) in trainer.run.generate(asked, temperature=0)]
    assert [(one.text, one.truncated) for one in found] == [(one.prediction, one.truncated) for one in wanted]


def test_nothing_random_and_no_mode_moves(trainer):
    trainer.run.model.train()
    before = runstate.random_states(trainer.run.device)
    trainer.run.generate(small.examples(2), n=2)
    after = runstate.random_states(trainer.run.device)
    assert before["torch"].equal(after["torch"])
    assert random.getstate() == before["python"]
    assert trainer.run.model.training
    trainer.run.model.eval()


def test_rows_are_the_samples_own_tokens_behind_the_prompt(trainer):
    run, asked = trainer.run, small.examples(4)
    samples = [one for (one,) in run.generate(asked)]
    rows = run.encode(asked, [one.ids for one in samples], weights=[1, 2, -0.5, 0])
    plain, _ = trainer.encoder.examples(asked)
    for row, sample, reference in zip(rows, samples, plain, strict=True):
        prompt = reference.ids[: len(reference.ids) - reference.num_answer]
        assert row.ids == (*prompt, *sample.ids)
        assert row.num_answer == len(sample.ids) > 0
    assert [row.weight for row in rows] == [1, 2, -0.5, 0]
    assert run.encode(asked, [one.answer for one in asked]) == plain


def test_log_likelihoods_are_the_models_own_and_have_a_graph(trainer):
    run, asked = trainer.run, small.examples(3)
    samples = [one for (one,) in run.generate(asked)]
    found = run.logprobs(asked, [one.ids for one in samples])
    for row, values in zip(run.encode(asked, [one.ids for one in samples]), found, strict=True):
        start = len(row.ids) - row.num_answer
        wanted = [alone(run.model, row.ids[:place])[row.ids[place]] for place in range(start, len(row.ids))]
        torch.testing.assert_close(values.detach(), torch.stack(wanted), rtol=1e-4, atol=1e-4)
    assert found[0].requires_grad
    with torch.no_grad():
        assert not run.logprobs(asked, ["a", "b", "c"])[0].requires_grad


def test_only_the_present_records_are_scored(trainer):
    run = trainer.run
    known, stranger = small.examples(2, seed=1)
    run.records = frozenset({(known.prompt, known.answer)})
    task = small.STREAM_TASKS[0]
    right, half = Prediction(known.prompt, known.answer, known.answer), Prediction(known.prompt, "", known.answer)
    assert run.score(task, [right, half]) == [1.0, 0.0]
    with pytest.raises(PermissionError, match="present experience's own records"):
        run.score(task, [right, Prediction(stranger.prompt, "x", stranger.answer)])
    with pytest.raises(PermissionError):
        run.score(task, [Prediction(known.prompt, "x", "x")])  # a reference of its own


def test_what_is_measured_by_likelihoods_has_no_written_score(trainer):
    answering = trainer.run.answering
    task = answering.tasks[small.STREAM_TASKS[0]].model_copy(update={"measure": "choice"})
    other = type(answering)(answering.evaluator, answering.losses, {task.name: task}, answering.scorer)
    with pytest.raises(RunError, match="likelihoods"):
        other.score(task.name, [])


def test_samples_cost_one_forward_pass_each_and_their_tokens(llama):
    trainer = small.make_trainer(llama)
    with trainer.passes.counting():
        samples = trainer.run.generate(small.examples(4), n=3)
    assert math.isclose(trainer.passes.rows, 4 * 3 / 3)
    assert trainer.run.sampled == sum(len(one.ids) for some in samples for one in some) > 12
