"""Which past task's parameters answer a prompt: a router, fed with the frozen base model's features of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from clbench import Example, Run
from clbench_peft.asked import Prompts
from clbench_peft.features import Pooling, features
from clbench_peft.passes import Passes

if TYPE_CHECKING:
    import torch


class Choosing(Protocol):
    """A router: `clbench_peft.router.Router`, or another that learns a task at a time."""

    def learn(self, features: torch.Tensor) -> None:
        """One task more, from its prompts' features (prompts, width)."""
        ...

    def nearest(self, features: torch.Tensor) -> list[int]:
        """The task of each row, from 0."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """What was learned."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take it up."""
        ...

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        ...


class Routing:
    """A router over tasks, in the order in which they were learned.

    Whoever calls sees to it that the model is the base model meanwhile.

    Args:
        router: that learns and chooses.
        feature: of a prompt.
    """

    def __init__(self, router: Choosing, feature: Pooling) -> None:
        self.router = router
        self.feature: Pooling = feature
        self.tasks: list[str] = []  # read only where the protocol gives names
        self.passes = Passes()  # read for features
        self._known: dict[tuple[int, ...], int] = {}  # routes of the measurement under way

    def learn(self, run: Run, task: str, data: Sequence[Example]) -> float:
        """One task more; returns the share (0–1) of its prompts that are routed to it."""
        asked = [one.ids for one in run.encode(data, [()] * len(data))]
        self.passes.look(len(asked))
        found = features(run, asked, how=self.feature)
        self.router.learn(found)
        self.tasks.append(task)
        return self.router.nearest(found).count(len(self.tasks) - 1) / len(asked)

    def forget(self) -> None:
        """A measurement begins or ends: nothing of one is kept."""
        self._known = {}

    def route(self, run: Run, prompts: Prompts) -> list[int]:
        """The task of each prompt, from 0; those that were asked before in this measurement are not read again."""
        new = [one for one in dict.fromkeys(prompts) if one not in self._known]
        if new:
            self._known.update(zip(new, self.router.nearest(features(run, new, how=self.feature)), strict=True))
        return [self._known[one] for one in prompts]

    def state_dict(self) -> dict[str, Any]:
        """What prompts look like, tasks, counts."""
        return {"router": self.router.state_dict(), "tasks": list(self.tasks), "passes": self.passes.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self.router.load_state_dict(state["router"])
        self.tasks, self.passes = list(state["tasks"]), Passes.of(state["passes"])

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return self.router.nbytes
