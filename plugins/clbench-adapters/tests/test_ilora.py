"""`ilora`: average, loss and its gradient against plain torch; what answers; what is kept."""

import json

import pytest
import small
import torch

from clbench import Experience
from clbench_adapters.hearing import disagreement
from clbench_adapters.ilora import Ilora, IloraOptions
from clbench_peft.method import Lora, LoraOptions

llama, gpt2 = small.llama, small.gpt2
TASKS = small.STREAM_TASKS
ONE, TWO = (Experience(index, TASKS[index - 1], 1) for index in (1, 2))


def trainer_of(folder, **options):
    torch.manual_seed(0)
    method = Ilora(IloraOptions(**{"rank": 2, "dropout": 0.0, **options}))
    trainer = small.make_trainer(folder, method=method, learning_rate=0.03)
    trainer.run.num_experiences = 3
    trainer.on_step = lambda *_: None
    return trainer


def learn(trainer, experience, *, number=6):
    data = small.examples(number, task=experience.task)
    trainer.method.before_experience(trainer.run, experience)
    trainer.train(experience, data)
    trainer.method.after_experience(trainer.run, experience, data)


def adapter(trainer):
    return {name: p.detach().clone() for name, p in trainer.run.model.named_parameters() if p.requires_grad}


def test_the_slow_adapter_is_the_average_over_steps(llama):
    trainer = trainer_of(llama, decay=0.7)
    method, run = trainer.method, trainer.run
    wanted, step = adapter(trainer), method.after_step

    def watched(_):
        decay = min(1 - 1 / (run.step + 1), 0.7)
        for name, p in adapter(trainer).items():
            wanted[name] = decay * wanted[name] + (1 - decay) * p
        step(run)

    method.after_step = watched
    learn(trainer, ONE, number=20)
    assert run.step == 5
    for name, mean in method._slow.items():
        torch.testing.assert_close(mean, wanted[name])
        assert not torch.equal(mean, adapter(trainer)[name])


def states(model, ids):
    """What both blocks give for a text, heard beside the method's hooks."""
    body, found = model.base_model, []
    blocks = getattr(body, "layers", getattr(body, "h", None))
    hooks = [one.register_forward_hook(lambda *told: found.append(told[2])) for one in blocks]
    body(input_ids=ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return [one[0] if isinstance(one, tuple) else one for one in found]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_loss_and_its_gradient_are_the_equations(request, name):
    trainer = trainer_of(request.getfixturevalue(name), decay=0.9, consistency=0.6)
    run, method = trainer.run, trainer.method
    learn(trainer, ONE)
    if name == "gpt2":  # its own dropout
        for module in run.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    method.before_experience(run, TWO)
    batch = small.examples(4, task=TASKS[1])
    rows = method.batch_data(run, batch)
    past = method._past
    assert len(rows) == 8
    trainer.forward_model.train()
    found = trainer.accumulator.gradient(rows)
    got = {name: p.grad.clone() for name, p in run.model.named_parameters() if p.grad is not None}
    run.model.zero_grad()

    slow, fast = dict(method._slow), adapter(trainer)
    params = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for key, p in params.items():
            p.copy_(slow[key])
        targets = [states(run.model, torch.tensor([one.ids])) for one in past]
        for key, p in params.items():
            p.copy_(fast[key])

    def mean(some):
        parts = []
        for one in some:
            start = len(one.ids) - one.num_answer
            logits = run.model(torch.tensor([one.ids])).logits[0, start - 1 : -1]
            parts.append(torch.nn.functional.cross_entropy(logits, torch.tensor(one.ids[start:]), reduction="none"))
        return torch.cat(parts).mean()

    apart = [
        torch.stack(
            [(a - b).square().mean() for a, b in zip(states(run.model, torch.tensor([one.ids])), theirs, strict=True)]
        ).mean()
        for one, theirs in zip(past, targets, strict=True)
    ]
    wanted = (mean(rows[:4]) + mean(past)) / 2 + 0.6 * torch.stack(apart).mean()
    assert torch.stack(apart).mean() > 1e-6
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    wanted.backward()
    for key, p in params.items():
        torch.testing.assert_close(got[key], p.grad, rtol=1e-3, atol=1e-6)


def test_padding_does_not_disagree():
    ours, theirs = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    found = disagreement([ours], [theirs], mask)
    torch.testing.assert_close(found[0], (ours - theirs)[0, :2].square().mean())
    torch.testing.assert_close(found[1], (ours - theirs)[1].square().mean())


def test_without_memory_it_trains_as_lora_does(llama):
    torch.manual_seed(0)
    plain = small.make_trainer(llama, method=Lora(LoraOptions(rank=2, dropout=0.0)), learning_rate=0.03)
    plain.on_step = lambda *_: None
    plain.train(ONE, small.examples(6, task=ONE.task))
    trainer = trainer_of(llama, ratio=0)
    learn(trainer, ONE)
    for name, p in adapter(trainer).items():
        assert torch.equal(p, adapter(plain)[name])
    assert trainer.method.footprint().stored_examples == 0


@pytest.mark.parametrize("answers", ["slow", "fast"])
def test_the_adapter_that_answers_is_the_one_that_was_asked_for(llama, answers):
    trainer = trainer_of(llama, decay=0.9, answers=answers)
    learn(trainer, ONE, number=12)
    before = adapter(trainer)
    with trainer.method.evaluating(trainer.run):
        inside = adapter(trainer)
    wanted = trainer.method._slow if answers == "slow" else before
    assert all(torch.equal(inside[name], wanted[name]) for name in before)
    assert all(torch.equal(p, before[name]) for name, p in adapter(trainer).items())


def test_state_is_complete_and_counted(llama):
    trainer, other = trainer_of(llama, size=5), Ilora(IloraOptions(size=5))
    for experience in (ONE, TWO):
        learn(trainer, experience)
    method = trainer.method
    state = method.state_dict()
    other.load_state_dict({**state, **json.loads(json.dumps({key: state[key] for key in ("memory", "counts")}))})
    assert other.batch_data(trainer.run, small.examples(4)) == method.batch_data(trainer.run, small.examples(4))
    found = method.footprint()
    assert found.stored_examples == 5
    assert found.stored_bytes > sum(p.nbytes for p in method._slow.values())
    assert method._counts == {"own": 16, "mixed": 4 + 2 + 4}
    assert found.extra_passes == pytest.approx(10 * (4 / 3) / 16)
