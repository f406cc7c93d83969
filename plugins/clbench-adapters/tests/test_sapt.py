"""`sapt`: attention, mixture and loss against plain torch; rows of one batch; no name of a task is read."""

from __future__ import annotations

import copy
import math

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench import Experience
from clbench.base.errors import RunError
from clbench.data.example import Example
from clbench.evaluation import likelihood
from clbench.methods.asked import asked
from clbench_adapters.attention import Query, attend, pool, reflection
from clbench_adapters.sapt import PLACE, Sapt, SaptOptions
from clbench_peft.inject import ADAPTER

llama, gpt2 = small.llama, small.gpt2
TASKS = small.STREAM_TASKS
TEXTS = {TASKS[0]: "Repeat the word.\nWord:\n{}\nAgain:", TASKS[1]: "Solve: {} = ", TASKS[2]: "判断以下文本: {} "}


def records(task, number=6):
    return [Example(task, TEXTS[task].format(one.prompt[23:40]), one.answer) for one in small.examples(number, seed=3)]


# --- attention


def test_a_prompt_is_its_largest_embeddings():
    table = torch.randn(9, 4)
    found = pool(table, [[1, 2, 2], [5], []])
    assert torch.equal(found[0], torch.stack([table[1], table[2]]).max(0).values)
    assert torch.equal(found[1:], torch.stack([table[5], torch.zeros(4)]))


def test_attention_is_a_scaled_softmax_over_keys():
    torch.manual_seed(0)
    query, keys, x = Query(8, 3), torch.randn(5, 8), torch.randn(2, 8)
    hidden = x @ query.down.weight.T @ query.up.weight.T
    hidden = hidden * torch.sigmoid(hidden)
    q = (hidden - hidden.mean(-1, keepdim=True)) / (hidden.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    wanted = torch.softmax(q @ keys.T / math.sqrt(8), -1)
    torch.testing.assert_close(attend(query(x), keys).exp(), wanted)


def test_what_is_remembered_has_nothing_of_later_tasks():
    told, past = torch.randn(3, 4).log_softmax(-1), torch.tensor([0.7, 0.3])
    wanted = sum(p * (p.log() - told[:, i]) for i, p in enumerate(past)).mean()
    torch.testing.assert_close(reflection(told, past), wanted)
    assert reflection(past.log()[None], past).item() == pytest.approx(0, abs=1e-7)


# --- on a model


@pytest.fixture(scope="module")
def learned(llama):
    """A trainer whose third and last task has begun, with adapters that are far apart; and the base model."""
    torch.manual_seed(0)
    trainer = small.make_trainer(llama, method=Sapt(SaptOptions(rank=2, inner=6)), learning_rate=0.01)
    run, method = trainer.run, trainer.method
    run.num_experiences = 3
    base = copy.deepcopy(run.model)
    for index, task in enumerate(TASKS[:2], 1):
        experience = Experience(index, task, 1)
        trainer.on_step = lambda *_: None
        method.before_experience(run, experience)
        trainer.train(experience, records(task))
        spread(method)
        method.after_experience(run, experience, records(task))
    method.before_experience(run, Experience(3, TASKS[2], 1))
    spread(method)
    run.model.eval()
    return trainer, base.eval()


def spread(method):
    for layer in method._mixing.layers.values():
        torch.nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.3)


def sides(method, name):
    """A and B of all adapters of a layer, the present one last."""
    layer = method._mixing.layers[name]
    kept_a, kept_b = method._mixing.kept[name]
    return [*kept_a, layer.lora_A[ADAPTER].weight], [*kept_b, layer.lora_B[ADAPTER].weight]


def merged(trainer, base, ids, *, present):
    """The base model with one prompt's mixture in its weights, and that mixture."""
    method, run = trainer.method, trainer.run
    query = run.model.get_submodule(PLACE)
    keys = torch.cat([method._keys, query.key[None]]) if present else method._keys
    weights = torch.softmax(keys @ query(pool(run.model.get_input_embeddings().weight, [ids]))[0] / math.sqrt(32), 0)
    model = copy.deepcopy(base)
    for name in method._mixing.layers:
        pairs = zip(weights, *sides(method, name), strict=False)
        delta = sum(a * 16 * (up @ down) for a, down, up in pairs)  # α/r = 32/2
        model.get_submodule(name).get_base_layer().weight.data += delta.detach()
    return model, weights


def prompts_of(trainer, number=2):
    mixed = [one for three in zip(*(records(task, number) for task in TASKS), strict=True) for one in three]
    return [list(row.ids) for row in trainer.run.encode(mixed, [()] * len(mixed))]


@pytest.mark.parametrize("present", [True, False])
def test_each_row_of_a_batch_has_the_mixture_of_its_own_prompt(learned, present):
    trainer, base = learned
    run, prompts = trainer.run, prompts_of(trainer)
    width = max(map(len, prompts))
    ids = torch.tensor([[*one, *[0] * (width - len(one))] for one in prompts])
    mixtures = []
    around = trainer.method.evaluating(run) if not present else asked(lambda: prompts)
    with torch.no_grad(), around, asked(lambda: prompts):
        found = run.model(input_ids=ids).logits
    for row, one in enumerate(prompts):
        model, weights = merged(trainer, base, one, present=present)
        with torch.no_grad():
            wanted = model(torch.tensor([one])).logits[0]
        torch.testing.assert_close(found[row, : len(one)], wanted, rtol=1e-3, atol=1e-3)
        mixtures.append(weights)
    assert torch.stack(mixtures).std(0).max() > 1e-3


def test_generation_and_likelihoods_of_a_batch_are_those_alone(learned):
    trainer, base = learned
    prompts, run = prompts_of(trainer), trainer.run
    questions = [
        likelihood.Question(tuple((*ids, *end) for end in ((40, 41), (50, 51, 52), (60,))), (2, 3, 1), len(ids))
        for ids in prompts
    ]
    where = {"pad": 0, "device": run.device}
    with trainer.method.evaluating(run), torch.inference_mode():
        found = run.answering.evaluator.generate(run.model, prompts, limit=5)
        cached = likelihood.scores(run.model, questions, heads=False, **where)
    for ids, written, question, told in zip(prompts, found, questions, cached, strict=True):
        model, _ = merged(trainer, base, ids, present=False)
        assert run.answering.evaluator.generate(model, [ids], limit=5)[0] == written
        alone = likelihood.full_scores(model, [question], tokens=10_000, **where)[0]
        torch.testing.assert_close(torch.tensor(told), torch.tensor(alone), rtol=1e-3, atol=1e-3)


def test_a_given_task_has_its_own_adapter_and_an_unknown_one_the_base(learned):
    trainer, base = learned
    ids = torch.tensor([prompts_of(trainer)[0]])
    for place, task in ((0, TASKS[0]), (1, TASKS[1]), (None, TASKS[2])):
        model = copy.deepcopy(base)
        for name in trainer.method._mixing.layers if place is not None else ():
            a, b = sides(trainer.method, name)
            model.get_submodule(name).get_base_layer().weight.data += (16 * b[place] @ a[place]).detach()
        with trainer.method.evaluating(trainer.run, task), torch.no_grad():
            torch.testing.assert_close(trainer.run.model(ids).logits, model(ids).logits, rtol=1e-3, atol=1e-3)


def test_the_loss_has_the_past_attention_and_the_past_does_not_move(learned):
    trainer, _ = learned
    method, run = trainer.method, trainer.run
    kept = copy.deepcopy(method._mixing.kept)
    rows = trainer.encoder.examples(records(TASKS[2], 4))[0]
    trainer.forward_model.train()
    total = trainer.accumulator.gradient(rows).item()
    run.model.eval()
    terms = []
    with torch.no_grad():
        for place, (task, past) in enumerate(method._memory.items()):
            drawn = run.rng("sapt.prompts", run.step, place).sample(past, 4)
            logs = []
            for one in drawn:
                (row,) = run.encode([one], [()])
                query = run.model.get_submodule(PLACE)
                q = query(pool(run.model.get_input_embeddings().weight, [row.ids]))
                logs.append(F.log_softmax(q @ torch.cat([method._keys, query.key[None]]).T / math.sqrt(32), -1))
            terms.append(reflection(torch.cat(logs), method._attention[task]))
    assert total == pytest.approx((run.loss(records(TASKS[2], 4)) + sum(terms)).item(), rel=1e-5)
    moved = {name for name, p in run.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {f"{PLACE}.key", f"{PLACE}.down.weight", f"{PLACE}.norm.bias"} <= moved
    assert any("lora_B" in name for name in moved)
    assert all(
        torch.equal(a, b) for name, pair in kept.items() for a, b in zip(pair, method._mixing.kept[name], strict=True)
    )
    run.model.zero_grad()


def test_before_the_first_task_it_is_the_base_model(gpt2):
    trainer = small.make_trainer(gpt2, method=Sapt(SaptOptions()))
    from clbench.models.loading import describe, load_model
    from clbench.spec.protocol import Runtime

    base = load_model(describe(str(gpt2)), device="cpu", runtime=Runtime(device="cpu")).model.eval()
    ids = torch.arange(3, 23)[None]
    with torch.no_grad():
        wanted = base(ids).logits
        assert torch.equal(trainer.run.model.eval()(ids).logits, wanted)
        trainer.method._begun = True
        torch.testing.assert_close(trainer.run.model(ids).logits, wanted)


# --- whole runs


def test_the_name_of_a_task_does_not_leak(llama, tmp_path):
    """The same records under each other's names are answered alike, bit for bit."""
    first, second = small.under_exchanged_names(tmp_path, "sapt", model=llama, learning_rate=0.03)
    assert first[1] == second[1]
    assert len({tuple(row) for row in first[1]}) > 3


def test_a_run_tells_its_attention_and_no_folder_holds_it(llama, tmp_path):
    stream = small.write_stream(tmp_path / "data")
    (outcome,) = small.run_stream(stream, "sapt", model=llama, home=tmp_path)
    drawn = outcome.record.notes["sapt"]["utilisation"]
    assert [sum(one["values"]) for one in drawn["rows"]] == pytest.approx([1, 1, 1], abs=1e-3)
    assert outcome.record.footprint.stored_examples == 3 * 6
    assert outcome.record.footprint.extra_passes == 0
    with pytest.raises(RunError, match="no model's folder holds how prompts are routed"):
        small.run_stream(stream, "sapt", model=llama, home=tmp_path / "other", save_model="end")
