"""`progressive-prompts` against plain torch: what stands before a question, a cache, what is trained; no name leaks."""

from __future__ import annotations

import pytest
import small
import torch

from clbench import Experience
from clbench.base.errors import OptionError
from clbench.data.example import Example
from clbench.evaluation import likelihood
from clbench.methods.asked import asked
from clbench_peft import clbench_methods
from clbench_peft.progressive import PLACE, ProgressiveOptions, ProgressivePrompts

llama, gpt2 = small.llama, small.gpt2
TASKS = small.STREAM_TASKS
TEXTS = {TASKS[0]: "Repeat the word.\nWord:\n{}\nAgain:", TASKS[1]: "Solve: {} = ", TASKS[2]: "判断以下文本: {} "}
(SPEC,) = (one for one in clbench_methods() if one.name == "progressive-prompts")


def records(task, number=6):
    return [Example(task, TEXTS[task].format(one.prompt[23:40]), one.answer) for one in small.examples(number, seed=3)]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def learned(request):
    """A trainer after three of four tasks, whose prompts are far apart."""
    torch.manual_seed(0)
    method = ProgressivePrompts(ProgressiveOptions(length=3))
    trainer = small.make_trainer(request.getfixturevalue(request.param), method=method, learning_rate=0.03)
    trainer.run.num_experiences = 4
    trainer.on_step = lambda *_: None
    for index, task in enumerate(TASKS, 1):
        experience = Experience(index, task, 1)
        method.before_experience(trainer.run, experience)
        trainer.train(experience, records(task))
        method.after_experience(trainer.run, experience, records(task))
    trainer.run.model.eval()
    return trainer


def prompts_of(trainer, number=2):
    mixed = [one for three in zip(*(records(task, number) for task in TASKS), strict=True) for one in three]
    rows = [list(row.ids) for row in trainer.run.encode(mixed, [()] * len(mixed))]
    return rows, [TASKS.index(one.task) for one in mixed]


def by_hand(trainer, ids, prompts):
    """Logits of one text, its prompts put before its embeddings, at positions of its own."""
    model = trainer.run.model
    words = model.get_input_embeddings()(torch.tensor([ids]))
    whole = torch.cat([*(one[None] for one in prompts[::-1]), words], dim=1)
    with torch.no_grad():
        return model.lm_head(model.base_model(inputs_embeds=whole, use_cache=False)[0])[0, -len(ids) :]


def test_each_row_has_the_prompts_up_to_its_own_task(learned):
    run, method = learned.run, learned.method
    prompts, tasks = prompts_of(learned)
    width = max(map(len, prompts))
    ids = torch.tensor([[*one, *[0] * (width - len(one))] for one in prompts])
    with torch.no_grad(), method.evaluating(run), asked(lambda: prompts):
        found = run.model(input_ids=ids).logits
    for row, (one, task) in enumerate(zip(prompts, tasks, strict=True)):
        wanted = by_hand(learned, one, method._kept[: task + 1])
        torch.testing.assert_close(found[row, : len(one)], wanted, rtol=1e-3, atol=1e-3)
        assert (wanted - by_hand(learned, one, method._kept[task:])).abs().max() > 1e-2 or task == 0


def test_generation_goes_on_in_the_cache(learned):
    run, method = learned.run, learned.method
    prompts, tasks = prompts_of(learned)
    with method.evaluating(run):
        found = run.answering.evaluator.generate(run.model, prompts, limit=5)
    for ids, task, written in zip(prompts, tasks, found, strict=True):
        said = list(ids)
        for token in written.whole[:5]:
            assert by_hand(learned, said, method._kept[: task + 1])[-1].argmax() == token
            said.append(int(token))


def test_likelihoods_with_a_cache_are_those_without(learned):
    run = learned.run
    questions = [
        likelihood.Question(tuple((*ids, *end) for end in ((40, 41), (50, 51, 52), (60,))), (2, 3, 1), len(ids))
        for ids in prompts_of(learned)[0]
    ]
    where = {"pad": 0, "device": run.device}
    with learned.method.evaluating(run), torch.inference_mode():
        cached = likelihood.scores(run.model, questions, heads=False, **where)
        whole = likelihood.full_scores(run.model, questions, tokens=10_000, **where)
        alone = [likelihood.full_scores(run.model, [one], tokens=10_000, **where)[0] for one in questions]
    torch.testing.assert_close(torch.tensor(cached), torch.tensor(alone), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(alone), rtol=1e-3, atol=1e-3)


def test_a_given_task_has_its_own_prompts_and_an_unknown_one_none(learned):
    run, method = learned.run, learned.method
    ids = prompts_of(learned)[0][0]
    for number, task in ((1, TASKS[0]), (2, TASKS[1]), (3, TASKS[2]), (0, "own/unknown")):
        with method.evaluating(run, task), torch.no_grad(), asked(lambda: [ids]):
            found = run.model(input_ids=torch.tensor([ids])).logits[0]
        torch.testing.assert_close(found, by_hand(learned, ids, method._kept[:number]), rtol=1e-3, atol=1e-3)


def test_with_all_every_question_has_all(learned):
    run, method = learned.run, learned.method
    ids = prompts_of(learned)[0][0]
    method.options = ProgressiveOptions(length=3, answers="all")
    try:
        with method.evaluating(run), torch.no_grad(), asked(lambda: [ids]):
            found = run.model(input_ids=torch.tensor([ids])).logits[0]
    finally:
        method.options = ProgressiveOptions(length=3)
    torch.testing.assert_close(found, by_hand(learned, ids, method._kept), rtol=1e-3, atol=1e-3)


def test_the_loss_is_that_of_all_prompts_and_only_the_last_is_trained(learned):
    run, method = learned.run, learned.method
    kept, batch = [one.clone() for one in method._kept], records(TASKS[0], 3)
    found = run.loss(batch).item()
    present = run.model.get_submodule(PLACE).values
    parts = []
    for one in run.encode(batch, [one.answer for one in batch]):
        start = len(one.ids) - one.num_answer
        logits = by_hand(learned, list(one.ids), [*method._kept, present.detach()])[start - 1 : -1]
        parts.append(torch.nn.functional.cross_entropy(logits, torch.tensor(one.ids[start:]), reduction="none"))
    assert found == pytest.approx(torch.cat(parts).mean().item(), rel=1e-4)
    learned.train(Experience(4, "own/more", 1), batch)
    assert all(torch.equal(one, other) for one, other in zip(kept, method._kept, strict=True))
    assert [name for name, p in run.model.named_parameters() if p.requires_grad] == [f"{PLACE}.values"]
    assert method.footprint().extra_parameters == 3 * 32


def test_the_name_of_a_task_does_not_leak(llama, tmp_path):
    """The same records under each other's names are answered alike, bit for bit."""
    first, second = small.under_exchanged_names(tmp_path, "progressive-prompts", model=llama, learning_rate=0.3)
    assert first[1] == second[1]
    assert len({tuple(row) for row in first[1]}) > 3


@pytest.mark.parametrize("options", [{"length": 0}, {"answers": "last"}, {"shrinkage": 0}, {"feature": "first"}])
def test_options_are_checked(options):
    with pytest.raises(OptionError, match=rf"^-o progressive-prompts\.{next(iter(options))}"):
        SPEC.create(options)
