"""`ogd`: the basis against a QR decomposition, gradients against plain torch, steps that leave past logits alone."""

import json

import pytest
import small
import torch

from clbench import Experience
from clbench_gem.basis import Basis
from clbench_gem.ogd import Ogd, OgdOptions, gradient

llama = small.llama
ONE, TWO = (Experience(index, small.STREAM_TASKS[index - 1], 1) for index in (1, 2))


def vectors(number, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        {"a": torch.randn(2, 3, generator=generator), "b": torch.randn(4, generator=generator)} for _ in range(number)
    ]


def flat(vector):
    return torch.cat([vector["a"].flatten(), vector["b"]])


def test_it_is_an_orthonormal_basis_of_what_was_added():
    basis, some = Basis(), vectors(4)
    assert all(basis.add(one) for one in some)
    rows = torch.cat([basis.rows["a"], basis.rows["b"]], dim=1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(4))
    q, _ = torch.linalg.qr(torch.stack([flat(one) for one in some]).T)
    torch.testing.assert_close(rows.T @ rows, q @ q.T)
    assert basis.nbytes == 4 * 4 * 10


def test_what_depends_on_the_others_brings_nothing():
    basis, (one, other) = Basis(), vectors(2)
    basis.add(one)
    basis.add(other)
    again = {name: 3 * one[name] - other[name] for name in one}
    assert not basis.add(again)
    assert not basis.add({name: torch.zeros_like(part) for name, part in one.items()})
    assert len(basis) == 2


def test_what_is_left_is_orthogonal_and_the_share_is_what_went():
    basis, (first, second, gradient) = Basis(), vectors(3)
    basis.add(first)
    basis.add(second)
    q, _ = torch.linalg.qr(torch.stack([flat(first), flat(second)]).T)
    wanted = flat(gradient) - q @ (q.T @ flat(gradient))
    share = ((q.T @ flat(gradient)).square().sum() / flat(gradient).square().sum()).item()
    assert basis.remove(gradient) == pytest.approx(share, rel=1e-4)
    torch.testing.assert_close(flat(gradient), wanted)


def test_parameters_that_come_later_were_zero_before():
    basis, (one, other) = Basis(), vectors(2)
    basis.add({"a": one["a"]})
    basis.add(other)
    assert torch.equal(basis.rows["b"][0], torch.zeros(4))
    rows = torch.cat([basis.rows["a"], basis.rows["b"]], dim=1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(2))
    basis.add({"b": one["b"]})
    assert torch.equal(basis.coordinates({"c": torch.ones(3)}), torch.zeros(3))


def logits(run, one):
    (row,) = run.encode([one], [one.answer])
    start = len(row.ids) - row.num_answer
    found = run.model(torch.tensor([row.ids])).logits[0, start - 1 : -1]
    return found.gather(1, torch.tensor(row.ids[start:])[:, None]).mean()


def trainer_of(llama, **options):
    trainer = small.make_trainer(llama, method=Ogd(OgdOptions(**options)), max_grad_norm=1e9)
    trainer.run.num_experiences = 3
    trainer.on_step = lambda *_: None
    return trainer


def test_its_gradients_are_those_of_the_right_logits(llama):
    trainer = trainer_of(llama)
    run, (one,) = trainer.run, small.examples(1)
    found = gradient(run, one)
    run.model.eval()
    logits(run, one).backward()
    for name, p in run.model.named_parameters():
        torch.testing.assert_close(found[name], p.grad)


def test_past_logits_do_not_change_along_the_projected_gradient(llama):
    """Their derivative along a step of plain SGD, by torch alone: nothing of what it is along an unprojected one."""
    trainer = trainer_of(llama, memory=3)
    run, method = trainer.run, trainer.method
    past, new = small.examples(3), small.examples(4, task=TWO.task, seed=9)
    method.after_experience(run, ONE, past)
    run.model.eval()
    params = [p for p in run.model.parameters() if p.requires_grad]

    def slopes(step):
        found = []
        for one in past:
            own = torch.autograd.grad(logits(run, one), params)
            found.append(sum((a * b).sum() for a, b in zip(own, step, strict=True)).item())
        return max(map(abs, found))

    run.loss(new).backward()
    plain = [p.grad.clone() for p in params]
    method.after_backward(run)
    assert slopes([p.grad for p in params]) < 1e-4 * slopes(plain)
    assert sum(p.grad.square().sum() for p in params) < sum(one.square().sum() for one in plain)


def test_state_is_complete_and_counted(llama):
    trainer, other = trainer_of(llama, memory=2), Ogd(OgdOptions(memory=2))
    run, method = trainer.run, trainer.method
    trainer.train(ONE, small.examples(8))
    method.after_experience(run, ONE, small.examples(8))
    trainer.train(TWO, small.examples(8, task=TWO.task))
    state = method.state_dict()
    other.load_state_dict({**state, "counts": json.loads(json.dumps(state["counts"]))})
    assert other.footprint() == method.footprint()
    assert method.footprint().extra_passes == 2 / 16
    assert method.footprint().stored_bytes == 2 * 4 * sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    assert method._counts["projected"] == 2
    method.after_experience(run, Experience(3, "own/stance", 1), small.examples(8))
    assert 0 < run.notes["ogd"]["mean_share_removed"] < 1
    assert run.notes["ogd"]["directions"] == 2, "after the last task nothing is added"
