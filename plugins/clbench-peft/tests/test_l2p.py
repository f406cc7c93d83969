"""`l2p` against plain torch: choice, loss of the keys, rows with their prompts in front, a cache, what is trained."""

from __future__ import annotations

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench import Experience
from clbench.base.errors import OptionError
from clbench.evaluation import likelihood
from clbench.methods.asked import asked
from clbench_peft import clbench_methods
from clbench_peft.features import features
from clbench_peft.l2p import PLACE, L2p, L2pOptions
from clbench_peft.pool import choose, distances, pull
from clbench_peft.prepending import places

llama, gpt2 = small.llama, small.gpt2
(SPEC,) = (one for one in clbench_methods() if one.name == "l2p")
ONE = Experience(1, small.STREAM_TASKS[0], 1)


def trainer_of(folder, **options):
    torch.manual_seed(0)
    trainer = small.make_trainer(folder, method=L2p(L2pOptions(**{"pool": 6, "top": 2, "length": 3, **options})))
    trainer.on_step = lambda *_: None
    trainer.method.before_experience(trainer.run, ONE)
    return trainer


# --- the pool


def test_the_nearest_keys_are_chosen():
    queries, keys = torch.randn(5, 8), torch.randn(7, 8)
    apart = distances(queries, keys)
    cosine = F.cosine_similarity(queries[:, None], keys[None], dim=-1)
    torch.testing.assert_close(apart, 1 - cosine)
    assert torch.equal(choose(apart, 3), cosine.argsort(dim=1, descending=True)[:, :3])


def test_what_the_past_has_chosen_often_is_passed_by():
    apart = torch.tensor([[0.1, 0.2, 0.3]])
    assert choose(apart, 1).tolist() == [[0]]
    assert choose(apart, 1, frequency=torch.tensor([0.8, 0.1, 0.1])).tolist() == [[1]]
    assert choose(apart, 1, frequency=torch.tensor([0.5, 0.5, 0.0])).tolist() == [[2]], "never chosen before"


def test_the_keys_that_were_chosen_are_pulled_and_no_others():
    queries, keys = torch.randn(4, 8), torch.randn(6, 8, requires_grad=True)
    apart = distances(queries, keys)
    chosen = choose(apart.detach(), 2)
    loss = pull(apart, chosen)
    wanted = sum((1 - F.cosine_similarity(queries[i], keys[j], dim=0)) for i in range(4) for j in chosen[i]) / 4
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert {int(one) for one in chosen.flatten()} == set((keys.grad.abs().sum(1) > 0).nonzero()[:, 0].tolist())


def test_soft_tokens_stand_between_padding_and_text():
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]])
    rows = torch.cat([torch.tensor([[10, 11]] * 2), torch.tensor([[0, 0, 1, 2], [1, 2, 3, 0]])], dim=1)
    assert rows.gather(1, places(mask, 2)).tolist() == [[0, 0, 10, 11, 1, 2], [10, 11, 1, 2, 3, 0]]


# --- on a model


def by_hand(trainer, ids):
    """Logits of a text at its own positions, its prompts put before its embeddings; the prompt is the whole text."""
    run = trainer.run
    pool = run.model.get_submodule(PLACE)
    query = features(run, [ids], how="last")
    chosen = F.cosine_similarity(query, pool.keys, dim=-1).topk(trainer.method.options.top).indices
    words = run.model.get_input_embeddings()(torch.tensor([ids]))
    whole = torch.cat([pool.values[chosen].flatten(0, 1)[None], words], dim=1)
    trainer.method._begun = False
    try:
        with torch.no_grad():
            return run.model(inputs_embeds=whole, use_cache=False).logits[0, -len(ids) :]
    finally:
        trainer.method._begun = True


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_rows_of_a_batch_are_those_alone_and_generation_goes_on_in_the_cache(request, name):
    trainer = trainer_of(request.getfixturevalue(name))
    run = trainer.run
    run.model.eval()
    texts = [list(one.ids) for one in run.encode(small.examples(4), [()] * 4)]
    written = run.answering.evaluator.generate(run.model, texts, limit=5)
    assert len({len(ids) for ids in texts}) > 1
    with trainer.method.evaluating(run):
        again = run.answering.evaluator.generate(run.model, texts, limit=5)
    for ids, one, other in zip(texts, written, again, strict=True):
        assert one == other
        logits = by_hand(trainer, ids)
        with torch.no_grad(), asked(lambda ids=ids: [ids]):
            torch.testing.assert_close(run.model(input_ids=torch.tensor([ids])).logits[0], logits)
        assert one.whole[0] == logits[-1].argmax()


def test_continuing_is_the_same_as_reading_again(llama):
    """With a cache and without: the choice belongs to the prompt, not to what was written since."""
    trainer = trainer_of(llama)
    run = trainer.run
    run.model.eval()
    texts = [list(one.ids) for one in run.encode(small.examples(3), [()] * 3)]
    found = []
    for cached in (True, False):
        run.model.generation_config.use_cache = cached
        found.append(run.answering.evaluator.generate(run.model, texts, limit=6))
    assert found[0] == found[1]


def test_likelihoods_with_a_cache_are_those_without(llama):
    trainer = trainer_of(llama)
    texts = [one.ids for one in trainer.run.encode(small.examples(4), [()] * 4)]
    questions = [
        likelihood.Question(tuple((*ids, *end) for end in ((40, 41), (50, 51, 52), (60,))), (2, 3, 1), len(ids))
        for ids in texts
    ]
    where = {"pad": 0, "device": trainer.run.device}
    with trainer.method.evaluating(trainer.run), torch.inference_mode():
        cached = likelihood.scores(trainer.run.model.eval(), questions, heads=False, **where)
        whole = likelihood.full_scores(trainer.run.model, questions, tokens=10_000, **where)
    torch.testing.assert_close(torch.tensor(cached), torch.tensor(whole), rtol=1e-4, atol=1e-4)


def test_before_the_first_task_it_is_the_base_model(llama):
    trainer = trainer_of(llama)
    trainer.method._begun = False
    ids = torch.arange(3, 23)[None]
    from clbench.models.loading import describe, load_model
    from clbench.spec.protocol import Runtime

    base = load_model(describe(str(llama)), device="cpu", runtime=Runtime(device="cpu")).model.eval()
    with torch.no_grad():
        assert torch.equal(trainer.run.model.eval()(ids).logits, base(ids).logits)


def test_a_step_trains_the_pool_and_counts_its_choices(llama):
    trainer = trainer_of(llama, pull=0.5)
    pool = trainer.run.model.get_submodule(PLACE)
    before = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}
    trainer.train(ONE, small.examples(4))
    moved = {name for name, p in trainer.run.model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {f"{PLACE}.keys", f"{PLACE}.values"}
    assert trainer.method._counts.sum() == 4 * 2
    used = trainer.method._counts > 0
    assert torch.equal((pool.values - before[f"{PLACE}.values"]).flatten(1).abs().sum(1) > 0, used)
    trainer.method.after_experience(trainer.run, ONE, ())
    assert trainer.run.notes["l2p"]["chosen"] == trainer.method._past.int().tolist()
    assert trainer.method.footprint().extra_passes == pytest.approx(1 / 3)


def test_without_a_pull_the_loss_is_that_of_the_answers_alone(llama):
    losses = {}
    for strength in (0.0, 0.5):
        trainer = trainer_of(llama, pull=strength)
        rows = trainer.encoder.examples(small.examples(4))[0]
        trainer.forward_model.train()
        total = trainer.accumulator.gradient(rows).item()
        losses[strength] = total
        queries = features(trainer.run, [one.ids[: -one.num_answer] for one in rows], how="last")
        apart = distances(queries, trainer.run.model.get_submodule(PLACE).keys)
        nearest = pull(apart, choose(apart, 2)).item()
    assert losses[0.5] == pytest.approx(losses[0.0] + 0.5 * nearest, rel=1e-5)
    assert losses[0.0] == pytest.approx(trainer.run.loss(small.examples(4)).item(), rel=1e-5)


def test_no_more_are_chosen_than_there_are():
    with pytest.raises(OptionError, match="7 of a pool of 6"):
        SPEC.create({"pool": 6, "top": 7})
