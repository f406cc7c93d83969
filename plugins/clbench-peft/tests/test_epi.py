"""`epi`: each row by its own adapter, as if it were merged into the weights; and no name of a task is read."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import small
import torch

from clbench import Experience, Run
from clbench.base.errors import RunError
from clbench.data.example import Example
from clbench.evaluation import likelihood
from clbench.methods.asked import asked
from clbench_peft.epi import Epi, EpiOptions
from clbench_peft.inject import ADAPTER

llama = small.llama
TASKS = small.STREAM_TASKS
TEXTS = {
    TASKS[0]: "Repeat the word.\nWord:\n{}\nAgain:",
    TASKS[1]: "Solve: {} = ",
    TASKS[2]: "判断以下文本对指定对象的态度: {} ",
}


def records(task, number=6):
    return [Example(task, TEXTS[task].format(one.prompt[23:40]), one.answer) for one in small.examples(number, seed=3)]


@pytest.fixture(scope="module")
def learned(llama):
    """A trainer after three tasks whose adapters are far apart, and copies of its model with each of them merged."""
    torch.manual_seed(0)
    trainer = small.make_trainer(llama, method=Epi(EpiOptions(rank=2, dropout=0.0)), eps=1e-2)
    run, method = trainer.run, trainer.method
    run.num_experiences = 4
    base = copy.deepcopy(run.model)
    merged = []
    for index, task in enumerate(TASKS, 1):
        experience = Experience(index, task, 1)
        trainer.on_step = lambda *_: None
        method.before_experience(run, experience)
        trainer.train(experience, records(task))
        for layer in method._banks.layers.values():
            torch.nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.3)
        one = copy.deepcopy(base)
        for name, layer in method._banks.layers.items():
            one.get_submodule(name).get_base_layer().weight.data += layer.get_delta_weight(ADAPTER).detach()
        merged.append(one.eval())
        method.after_experience(run, experience, records(task))
    run.model.eval()
    return trainer, merged, base.eval()


def prompts_of(trainer):
    """Prompts of all tasks in turn, with the task that each is of."""
    mixed = [one for three in zip(*(records(task, 3) for task in TASKS), strict=True) for one in three]
    return [list(row.ids) for row in trainer.run.encode(mixed, [()] * len(mixed))], [TASKS.index(x.task) for x in mixed]


def test_prompts_of_one_batch_go_to_their_own_adapters(learned):
    trainer, merged, _ = learned
    prompts, wanted = prompts_of(trainer)
    evaluator = trainer.run.answering.evaluator
    with trainer.method.evaluating(trainer.run):
        found = evaluator.generate(trainer.run.model, prompts, limit=6)
        again = [evaluator.generate(trainer.run.model, [one], limit=6)[0] for one in prompts]
        assert [trainer.method._routing.route(trainer.run, (tuple(one),))[0] for one in prompts] == wanted
    alone = [evaluator.generate(merged[task], [one], limit=6)[0] for one, task in zip(prompts, wanted, strict=True)]
    assert found == again == alone
    assert len({tuple(one.ids) for one in alone}) > 3
    notes = trainer.run.notes["epi"]["routed_to_own_adapter"]
    assert notes == dict.fromkeys(TASKS, 1.0)


def test_likelihoods_with_a_cache_are_those_without(learned):
    trainer, merged, _ = learned
    prompts, wanted = prompts_of(trainer)
    questions = [
        likelihood.Question(tuple((*ids, *end) for end in ((40, 41), (50, 51, 52), (60,))), (2, 3, 1), len(ids))
        for ids in prompts
    ]
    where = {"pad": 0, "device": trainer.run.device}
    with trainer.method.evaluating(trainer.run), torch.inference_mode():
        cached = likelihood.scores(trainer.run.model, questions, heads=False, **where)
        whole = likelihood.full_scores(trainer.run.model, questions, tokens=10_000, **where)
    with torch.inference_mode():
        pairs = zip(wanted, questions, strict=True)
        alone = [likelihood.full_scores(merged[task], [one], tokens=10_000, **where)[0] for task, one in pairs]
    for one, other, own in zip(cached, whole, alone, strict=True):
        torch.testing.assert_close(torch.tensor(one), torch.tensor(other), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(torch.tensor(one), torch.tensor(own), rtol=1e-3, atol=1e-3)


def test_given_names_choose_and_what_was_not_learned_has_the_base(learned):
    trainer, merged, base = learned
    ids = torch.tensor([prompts_of(trainer)[0][0]])
    for task, model in (*zip(TASKS, merged, strict=True), ("own/unknown", base)):
        with trainer.method.evaluating(trainer.run, task), torch.no_grad():
            torch.testing.assert_close(trainer.run.model(ids).logits, model(ids).logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("told", [True, False])
def test_rows_of_which_nobody_says_anything_are_read_as_they_stand(learned, told):
    trainer, merged, _ = learned
    (one, *_), (task, *_) = prompts_of(trainer)
    ids = torch.tensor([one])
    within = asked(lambda: [one]) if told else nullcontext()
    with trainer.method.evaluating(trainer.run), torch.no_grad(), within:
        found = trainer.run.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4)
    assert torch.equal(found, merged[task].generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4))
    assert Run.prompts.fget(trainer.run) is None


def test_outside_a_measurement_the_present_adapter_answers(learned):
    trainer, _, base = learned
    ids = torch.tensor([prompts_of(trainer)[0][0]])
    with torch.no_grad():
        assert torch.equal(trainer.run.model(ids).logits, base(ids).logits)  # begun anew: B is 0


def test_the_name_of_a_task_does_not_leak(llama, tmp_path):
    """The same records under each other's names are answered alike, bit for bit."""
    first, second = small.under_exchanged_names(tmp_path, "epi", model=llama, learning_rate=0.03)
    assert first[1] == second[1]
    assert len({tuple(row) for row in first[1]}) > 3


def test_no_folder_holds_what_it_answers_with(llama, tmp_path):
    stream = small.write_stream(tmp_path / "data")
    with pytest.raises(RunError, match="no model's folder holds how prompts are routed"):
        small.run_stream(stream, "epi", model=llama, home=tmp_path, save_model="end")
