"""Which task a prompt is of, by a linear classifier on its feature, learned on a few features of each past task.

    t(x) = argmax_t w_t·z + b_t,   z: the feature, centred and scaled by one number
    min over w, b of mean over tasks of mean over their prompts of −log softmax(w z + b)_t + (decay/2) ‖w‖²

The problem is convex and solved to its end, so the classifier is a function of what it is learned on, and nothing of it
is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Classifier:
    """Takes the place of `clbench_peft.router.Router`.

    Args:
        memory: features that are kept of each task.
        decay: of the weights.
    """

    def __init__(self, memory: int, *, decay: float) -> None:
        self.memory, self.decay = memory, decay
        self.kept: list[torch.Tensor] = []  # (prompts, width) of each task
        self.weights = torch.empty(0, 0)  # (tasks, width + 1), fp64
        self.centre, self.scale = torch.empty(0), 1.0

    def learn(self, features: torch.Tensor) -> None:
        """One task more: learned on all of its features and on what is kept of the others'."""
        told = features.cpu().float()
        self._fit([*self.kept, told])
        self.kept.append(told[spread(len(told), self.memory)].clone())

    def _fit(self, tasks: Sequence[torch.Tensor]) -> None:
        everything = torch.cat(list(tasks)).double()
        self.centre = everything.mean(0)
        self.scale = max(float((everything - self.centre).square().mean().sqrt()), 1e-12)
        self.weights = torch.from_numpy(fit([self._scaled(one).numpy() for one in tasks], decay=self.decay))

    def _scaled(self, features: torch.Tensor) -> torch.Tensor:
        return (features.cpu().double() - self.centre) / self.scale

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """W z + b of each row: (rows, tasks)."""
        return self._scaled(features) @ self.weights[:, :-1].mT + self.weights[:, -1]

    def nearest(self, features: torch.Tensor) -> list[int]:
        """The likeliest task of each row, from 0."""
        return self.scores(features).argmax(1).tolist()

    def state_dict(self) -> dict[str, Any]:
        """Features that are kept, and what was learned."""
        told = {"weights": self.weights, "centre": self.centre, "scale": self.scale}
        return {"kept": list(self.kept), **told}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self.kept, self.weights = list(state["kept"]), state["weights"]
        self.centre, self.scale = state["centre"], float(state["scale"])

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(one.nbytes for one in (*self.kept, self.weights, self.centre))


def spread(number: int, wanted: int) -> list[int]:
    """Places of so many of some records, evenly over all of them; all where there are no more."""
    if wanted >= number:
        return list(range(number))
    return [place * number // wanted for place in range(wanted)]


def fit(tasks: Sequence[Array], *, decay: float) -> Array:
    """Weights (tasks, width + 1) at the minimum; the last column is b.

    Args:
        tasks: features (prompts, width) of each.
        decay: of w; b has none.
    """
    from scipy.optimize import minimize

    x = np.concatenate([np.hstack([one, np.ones((len(one), 1))]) for one in tasks])
    owner = np.repeat(np.arange(len(tasks)), [len(one) for one in tasks])
    share = np.repeat([1 / (len(one) * len(tasks)) for one in tasks], [len(one) for one in tasks])[:, None]
    shape = (len(tasks), x.shape[1])
    wanted = np.eye(len(tasks))[owner]

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        scores = x @ weights.T
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        free = np.hstack([weights[:, :-1], np.zeros((len(tasks), 1))])
        value = -(share * wanted * logs).sum() + decay / 2 * (free**2).sum()
        return float(value), ((share * (np.exp(logs) - wanted)).T @ x + decay * free).ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x.reshape(shape)
