"""`absa-cl`: both penalties against plain torch, which adapter is trained when, what answers; no name is read."""

from __future__ import annotations

import copy

import pytest
import small
import torch

from clbench import Experience
from clbench.base.errors import OptionError
from clbench_adapters import clbench_methods
from clbench_adapters.absa import PLACE, AbsaCl, AbsaClOptions

llama = small.llama
TASKS = small.STREAM_TASKS
ONE, TWO = (Experience(index, TASKS[index - 1], 1) for index in (1, 2))
(SPEC,) = (one for one in clbench_methods() if one.name == "absa-cl")


def trainer_of(llama, **options):
    torch.manual_seed(0)
    method = AbsaCl(AbsaClOptions(**{"rank": 2, "dropout": 0.0, "memory": 4, **options}))
    trainer = small.make_trainer(llama, method=method, learning_rate=0.03)
    trainer.run.num_experiences = 3
    trainer.on_step = lambda *_: None
    return trainer


def weights(trainer):
    """The task's adapter and the shared one."""
    params = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters() if p.requires_grad}
    shared = {name: p for name, p in params.items() if name.startswith(PLACE)}
    return {name: p for name, p in params.items() if name not in shared}, shared


def same(one, other):
    return all(torch.equal(p, other[name]) for name, p in one.items())


def learn(trainer, experience, *, number=6):
    """A task; the adapters before it, after its own steps, and after those of the shared adapter."""
    method, run = trainer.method, trainer.run
    data = small.examples(number, task=experience.task)
    moments = [weights(trainer)]
    method.before_experience(run, experience)
    trainer.train(experience, data)
    moments.append(weights(trainer))
    trainer.rehearse(experience, method.rehearsal_data(run, experience, data))
    moments.append(weights(trainer))
    method.after_experience(run, experience, data)
    return moments


def test_each_adapter_is_trained_in_its_own_phase(llama):
    trainer = trainer_of(llama)
    (own, shared), (own_later, shared_later), (own_last, shared_last) = learn(trainer, ONE)
    assert not same(own, own_later)
    assert same(shared, shared_later)
    assert same(own_later, own_last)
    assert not same(shared_later, shared_last)
    assert len(trainer.method._memory[TASKS[0]]) == 4
    assert trainer.method.footprint().extra_passes == pytest.approx((4 + 6 / 3) / 6)


def test_while_it_is_trained_the_shared_adapter_stands_alone(llama):
    trainer = trainer_of(llama)
    learn(trainer, ONE)
    run, method = trainer.run, trainer.method
    ids = torch.arange(3, 23)[None]
    method.rehearsal_data(run, TWO, small.examples(2, task=TWO.task))
    run.model.eval()
    with torch.no_grad():
        found = run.model(ids).logits
    merged = copy.deepcopy(run.model)
    shared = run.model.get_submodule(PLACE)
    for place, name in enumerate(method._banks.layers):
        delta = 32 / 2 * shared.up[place] @ shared.down[place]
        merged.get_submodule(name).get_base_layer().weight.data += delta.detach()
    with torch.no_grad():
        torch.testing.assert_close(found, merged(ids).logits, rtol=1e-4, atol=1e-4)
        method._instead.close()
        assert not torch.allclose(found, run.model(ids).logits, atol=1e-3)


def test_the_loss_has_both_penalties_from_the_second_task_on(llama):
    trainer = trainer_of(llama, orthogonality=0.3, shrinkage=0.05)
    run, method = trainer.run, trainer.method
    batch = small.examples(4, task=TASKS[1])
    rows = trainer.encoder.examples(batch)[0]
    total = lambda: trainer.accumulator.gradient(rows).item()  # noqa: E731
    trainer.forward_model.train()
    assert total() == pytest.approx(run.loss(batch).item(), rel=1e-5)
    learn(trainer, ONE)
    method.before_experience(run, TWO)
    with torch.no_grad():
        for layer in method._banks.layers.values():
            layer.lora_B["default"].weight.normal_()
    trainer.forward_model.train()
    found, shared = total(), run.model.get_submodule(PLACE)
    wanted = run.loss(batch).item()
    for place, layer in enumerate(method._banks.layers.values()):
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        wanted += 0.3 * (a @ shared.down[place].T).abs().sum().item()
        wanted += 0.05 * (a.square().sum() + b.square().sum()).item()
    assert found == pytest.approx(wanted, rel=1e-5)
    assert all(p.grad is None for p in shared.parameters())


def test_the_name_of_a_task_does_not_leak(llama, tmp_path):
    """The same records under each other's names are answered alike, bit for bit."""
    first, second = small.under_exchanged_names(tmp_path, "absa-cl", model=llama, learning_rate=0.03)
    assert first[1] == second[1]
    assert len({tuple(row) for row in first[1]}) > 3


@pytest.mark.parametrize("options", [{"memory": 0}, {"orthogonality": -1}, {"covariance": 0}, {"feature": "first"}])
def test_options_are_checked(options):
    with pytest.raises(OptionError, match=rf"^-o absa-cl\.{next(iter(options))}"):
        SPEC.create(options)
