"""The router against plain NumPy and SciPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from clbench_peft.router import Router, shrunk


def tasks(*sizes, width=5):
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.normal(3 * place, 1 + place, (size, width))) for place, size in enumerate(sizes)]


def router(shrinkage, *parts):
    made = Router(shrinkage)
    for part in parts:
        made.learn(part)
    return made


@pytest.mark.parametrize("shrinkage", [0.05, 0.5])
def test_distances_are_mahalanobis_with_the_mean_covariance(shrinkage):
    parts = tasks(30, 20, 40)
    own = np.mean([np.cov(part.numpy(), rowvar=False, ddof=0) for part in parts], axis=0)
    inverse = np.linalg.inv((1 - shrinkage) * own + shrinkage * np.trace(own) / 5 * np.eye(5))
    asked = tasks(4)[0] + 2
    found = router(shrinkage, *parts).distances(asked)
    wanted = [[mahalanobis(one, part.numpy().mean(0), inverse) ** 2 for part in parts] for one in asked.numpy()]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4)


def test_all_shrunk_it_is_the_nearest_mean():
    parts, asked = tasks(30, 20, 40), torch.randn(50, 5, generator=torch.Generator().manual_seed(1)) * 4 + 3
    means = torch.stack([part.mean(0) for part in parts]).float()
    wanted = torch.cdist(asked, means).argmin(1).tolist()
    assert router(1.0, *parts).nearest(asked) == wanted
    assert len(set(wanted)) == 3


def test_a_shift_of_all_features_changes_no_route():
    parts, asked = tasks(30, 20), tasks(8)[0] * 2
    shifted = router(0.1, *(part + 7 for part in parts)).nearest(asked + 7)
    assert router(0.1, *parts).nearest(asked) == shifted


def test_one_record_a_task_is_enough():
    made = router(0.1, torch.zeros(1, 4), torch.ones(1, 4))
    assert made.nearest(torch.tensor([[0.1] * 4, [0.8] * 4])) == [0, 1]
    assert torch.equal(shrunk(torch.zeros(4, 4), 0.1), torch.eye(4))


def test_its_state_gives_the_same_router():
    made, again = router(0.1, *tasks(30, 20)), Router(0.1)
    again.load_state_dict(made.state_dict())
    asked = tasks(8)[0]
    assert torch.equal(again.distances(asked), made.distances(asked))
    assert again.nbytes == made.nbytes == 4 * (2 * 5 + 25) + 8 * 25
