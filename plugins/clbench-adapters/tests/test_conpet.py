"""`conpet`: its classifier against SciPy's general solver and by its own conditions; no name of a task is read."""

from __future__ import annotations

import numpy as np
import pytest
import small
import torch

from clbench.base.errors import OptionError
from clbench_adapters import clbench_methods
from clbench_adapters.classifier import Classifier, fit, spread

llama = small.llama
TASKS = small.STREAM_TASKS
(SPEC,) = (one for one in clbench_methods() if one.name == "conpet")


def tasks(*sizes, width=5):
    rng = np.random.default_rng(0)
    return [rng.normal(2 * place, 1 + place, (size, width)) for place, size in enumerate(sizes)]


def objective(weights, parts, decay):
    losses = []
    for place, part in enumerate(parts):
        told = torch.from_numpy(part) @ weights[:, :-1].T + weights[:, -1]
        losses.append(torch.nn.functional.cross_entropy(told, torch.full((len(part),), place)))
    return torch.stack(losses).mean() + decay / 2 * weights[:, :-1].square().sum()


def test_the_classifier_is_at_the_minimum():
    """Where the gradient of the equation, by autograd, is nothing; each task counts alike."""
    parts = tasks(30, 5, 12)
    weights = torch.from_numpy(fit(parts, decay=0.05)).requires_grad_()
    objective(weights, parts, 0.05).backward()
    assert weights.grad.abs().max() < 1e-4
    with torch.no_grad():
        best = objective(weights, parts, 0.05)
        for seed in range(5):
            moved = weights + 0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed))
            assert objective(moved, parts, 0.05) > best


def test_it_tells_tasks_apart_that_have_one_mean():
    """What a nearest mean cannot: two tasks on both sides of a third."""
    rng = np.random.default_rng(1)
    left, middle, right = (rng.normal(place, 0.1, (20, 2)) for place in (-1, 0, 1))
    made = Classifier(20, decay=1e-4)
    for part in (middle, left, right):
        made.learn(torch.from_numpy(part))
    asked = torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])
    assert made.nearest(asked) == [1, 0, 2]


def test_a_shift_and_a_scale_of_all_features_change_no_route():
    parts = [torch.from_numpy(one) for one in tasks(30, 20)]
    routes = []
    for shift, scale in ((0, 1), (7, 100)):
        made = Classifier(10, decay=0.01)
        for part in parts:
            made.learn(part * scale + shift)
        routes.append(made.nearest(parts[0] * scale + shift))
    assert routes[0] == routes[1]


def test_few_features_are_kept_evenly_and_its_state_gives_the_same():
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 4) == [0, 1, 2]
    made, again = Classifier(4, decay=0.01), Classifier(4, decay=0.01)
    for part in tasks(10, 3):
        made.learn(torch.from_numpy(part))
    assert [len(one) for one in made.kept] == [4, 3]
    again.load_state_dict(made.state_dict())
    asked = torch.from_numpy(tasks(8)[0])
    assert torch.equal(again.scores(asked), made.scores(asked))
    assert again.nbytes == made.nbytes == 7 * 5 * 4 + 2 * 6 * 8 + 5 * 8


def test_one_prompt_a_task_is_enough():
    made = Classifier(1, decay=0.01)
    made.learn(torch.zeros(1, 4))
    assert made.nearest(torch.ones(2, 4)) == [0, 0]
    made.learn(torch.ones(1, 4))
    assert made.nearest(torch.tensor([[0.1] * 4, [0.8] * 4])) == [0, 1]


def test_the_name_of_a_task_does_not_leak(llama, tmp_path):
    """The same records under each other's names are answered alike, bit for bit."""
    first, second = small.under_exchanged_names(tmp_path, "conpet", model=llama, learning_rate=0.03)
    assert first[1] == second[1]
    assert len({tuple(row) for row in first[1]}) > 3
    told = first[0].record
    assert set(told.notes["conpet"]["routed_to_own_adapter"]) == set(TASKS)
    assert told.footprint.stored_examples == 3 * 6


@pytest.mark.parametrize("options", [{"memory": 0}, {"decay": 0}, {"feature": "first"}, {"shrinkage": 0.1}])
def test_options_are_checked(options):
    with pytest.raises(OptionError, match=rf"^-o conpet\.{next(iter(options))}"):
        SPEC.create(options)
