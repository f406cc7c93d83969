"""Which task a prompt is of, by its feature alone: the nearest task mean, Mahalanobis.

    t(x) = argmin_t (h(x) − μ_t)ᵀ Σ⁻¹ (h(x) − μ_t)

μ_t is the mean of the task's features and Σ one covariance for all tasks, the mean of theirs: what maximum likelihood
says of a Gaussian a task with a common covariance (Lee et al., 2018, arXiv:1807.03888; EPI, Wang et al., ACL 2023,
section 3.3). There are fewer records than features, so Σ is shrunk towards a multiple of the identity (Ledoit and Wolf,
2004); shrunk all the way it is the nearest mean, Euclidean.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch


class Router:
    """Means and a shared covariance, on the CPU; kept in fp32, computed with in fp64.

    Args:
        shrinkage: share (0–1) of Σ that is the identity times its mean variance.
    """

    def __init__(self, shrinkage: float) -> None:
        self.shrinkage = shrinkage
        self.means = torch.empty(0, 0)  # (tasks, width)
        self.covariance = torch.empty(0, 0)  # (width, width)
        self._factor = torch.empty(0, 0)  # Cholesky's, of the shrunk covariance

    @torch.no_grad()
    def learn(self, features: torch.Tensor) -> None:
        """One task more.

        Args:
            features: of its prompts, (records, width).
        """
        told = features.cpu().double()
        mean = told.mean(0)
        own = (told - mean).mT @ (told - mean) / len(told)
        number = len(self.means)
        before = self.covariance.double() if number else torch.zeros_like(own)
        self.covariance = (before + (own - before) / (number + 1)).float()
        self.means = torch.cat([self.means, mean.float()[None]]) if number else mean.float()[None]
        self._decompose()

    def _decompose(self) -> None:
        self._factor = torch.linalg.cholesky(shrunk(self.covariance.double(), self.shrinkage))

    def distances(self, features: torch.Tensor) -> torch.Tensor:
        """Squared Mahalanobis distance of each row to each task's mean: (rows, tasks)."""
        apart = features.cpu().double()[:, None] - self.means.double()  # (rows, tasks, width)
        white = torch.linalg.solve_triangular(self._factor, apart.flatten(0, 1).mT, upper=False)
        return white.square().sum(0).unflatten(0, apart.shape[:2])

    def nearest(self, features: torch.Tensor) -> list[int]:
        """The task of each row, from 0."""
        return self.distances(features).argmin(1).tolist()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Means and covariance."""
        return {"means": self.means, "covariance": self.covariance}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take them up."""
        self.means, self.covariance = state["means"], state["covariance"]
        if len(self.means):
            self._decompose()

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return self.means.nbytes + self.covariance.nbytes + self._factor.nbytes


def shrunk(covariance: torch.Tensor, share: float) -> torch.Tensor:
    """(1 − s)Σ + s·(tr Σ / d)·1, positive definite for s > 0; the identity where nothing varies."""
    identity = torch.eye(len(covariance), dtype=covariance.dtype)
    variance = covariance.diagonal().mean()
    return (1 - share) * covariance + share * variance * identity if variance > 0 else identity
