"""`inflora`: subspaces against plain NumPy, updates orthogonal to what is kept, the memory in both of its forms."""

from __future__ import annotations

import numpy as np
import pytest
import small
import torch

from clbench import Experience
from clbench_peft.features import covariances
from clbench_peft.inflora import Inflora, InfloraOptions
from clbench_peft.inject import ADAPTER, adapted_layers
from clbench_peft.subspace import Subspace, designed

llama = small.llama
WIDTH = 12


def inputs(seed, rank=WIDTH, number=200):
    """H (width × tokens), mostly in a few directions."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(WIDTH, rank)) @ rng.normal(size=(rank, number)))


def covariance(h):
    return h @ h.mT / h.shape[1]


def nothing():
    return Subspace(torch.empty(WIDTH, 0))


def off(past):
    """The projection off past directions, whatever form they are kept in."""
    kept = past.basis.double() @ past.basis.double().mT
    return kept if past.free else torch.eye(WIDTH).double() - kept


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.98, 1.0])
def test_the_first_task_keeps_the_fewest_singular_directions_that_cover_its_inputs(threshold):
    h, past = inputs(0), nothing()
    u, s, _ = np.linalg.svd(h.numpy(), full_matrices=False)
    enough = int(np.argmax(np.cumsum(s**2) / (s**2).sum() >= threshold - 1e-12)) + 1
    past.learn(covariance(h), threshold=threshold)
    assert past.past == enough
    wanted = torch.from_numpy(u[:, :enough] @ u[:, :enough].T)
    torch.testing.assert_close(torch.eye(WIDTH).double() - off(past), wanted, rtol=0, atol=1e-5)


def test_a_later_task_adds_what_is_new_of_it():
    past, first, second = nothing(), inputs(0, rank=3), inputs(1, rank=2)
    past.learn(covariance(first), threshold=0.999)
    before = off(past)
    assert past.past == 3
    past.learn(covariance(second), threshold=0.999)
    assert past.past == 5
    for h in (first, second):
        assert (off(past) @ h).norm() < 0.05 * h.norm()
    torch.testing.assert_close(before @ off(past), off(past), rtol=0, atol=1e-5)  # what was kept stays kept
    past.learn(covariance(first), threshold=0.999)
    assert past.past == 5, "nothing of it is new"


def test_beyond_half_the_free_directions_are_kept_instead():
    past = nothing()
    sizes, forms = [], []
    for seed in range(4):
        past.learn(covariance(inputs(seed, rank=3)), threshold=1.0)
        sizes.append(past.past)
        forms.append(past.free)
        assert past.basis.shape[1] <= WIDTH / 2
        torch.testing.assert_close(past.basis.mT @ past.basis, torch.eye(past.basis.shape[1]), rtol=0, atol=1e-5)
        for earlier in range(seed + 1):
            assert (off(past) @ inputs(earlier, rank=3)).norm() < 1e-4
    assert sizes == [3, 6, 9, 12]
    assert forms == [False, False, True, True]


def test_the_design_is_the_singular_vectors_of_the_projected_inputs():
    past, h = nothing(), inputs(7)
    past.learn(covariance(inputs(0, rank=4)), threshold=1.0)
    a = designed(covariance(h), past, 3)
    u = np.linalg.svd((off(past) @ h).numpy(), full_matrices=False)[0][:, :3]
    np.testing.assert_allclose((a.mT @ a * 3).numpy(), u @ u.T, atol=1e-6)
    assert (a @ inputs(0, rank=4)).abs().max() < 1e-5


def test_where_nothing_is_free_nothing_is_learned():
    past = nothing()
    past.learn(covariance(inputs(0)), threshold=1.0)
    assert past.past == WIDTH
    assert not designed(covariance(inputs(1)), past, 3).any()
    half = nothing()
    half.learn(covariance(inputs(0, rank=10)), threshold=1.0)
    assert (designed(covariance(inputs(1)), half, 3).norm(dim=1) > 0).tolist() == [True, True, False]


# --- on a model


def learn(trainer, index):
    data = small.examples(6, seed=index, task=small.STREAM_TASKS[index - 1])
    experience = Experience(index, small.STREAM_TASKS[index - 1], 3)
    trainer.method.before_experience(trainer.run, experience)
    return experience, data, trainer.method.training_data(trainer.run, experience, data)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_an_update_is_orthogonal_to_what_is_kept(llama, optimizer):
    """On a small model: what each layer says to inputs in the past's span is what it said."""
    torch.manual_seed(0)
    options = InfloraOptions(rank=4, threshold=0.9, final_threshold=0.9)
    trainer = small.make_trainer(llama, method=Inflora(options), eps=1e-2, learning_rate=0.03)
    trainer.on_step, trainer.run.num_experiences = (lambda *_: None), 3
    if optimizer == "sgd":
        params = [p for p in trainer.run.model.parameters() if p.requires_grad]
        trainer.run.optimizer = torch.optim.SGD(params, lr=1.0)
    layers = adapted_layers(trainer.run.model)
    for index in (1, 2):
        experience, data, training = learn(trainer, index)
        before = {name: layer.base_layer.weight.detach().clone() for name, layer in layers.items()}
        bases = {name: off_width(one) for name, one in trainer.method._past.items()}
        trainer.train(experience, training)
        trainer.method.after_experience(trainer.run, experience, data)
        for name, layer in layers.items():
            moved = (layer.base_layer.weight - before[name]).detach().double()
            assert moved.norm() > 1e-3
            assert (moved @ (torch.eye(len(bases[name])).double() - bases[name])).norm() < 1e-5 * moved.norm()
            assert torch.linalg.matrix_rank(moved.float(), rtol=1e-4) <= 4
            assert not layer.lora_B[ADAPTER].weight.any()
        assert (index == 1) == all(torch.equal(one, torch.eye(len(one)).double()) for one in bases.values())


def off_width(past):
    kept = past.basis.double() @ past.basis.double().mT
    return kept if past.free else torch.eye(len(kept)).double() - kept


def test_covariances_are_those_of_each_text_alone(llama):
    trainer = small.make_trainer(llama, method=Inflora())
    rows = trainer.encoder.examples(small.examples(5))[0]
    layers = adapted_layers(trainer.run.model)
    found = covariances(trainer.run, rows, layers)
    heard = {name: [] for name in layers}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(lambda _, args, name=name: heard[name].append(args[0][0].double()))
    for row in rows:
        with torch.no_grad():
            trainer.run.model(torch.tensor([row.ids]))
    for name, parts in heard.items():
        h = torch.cat(parts).mT
        torch.testing.assert_close(found[name], h @ h.mT / h.shape[1], rtol=1e-4, atol=1e-5)
