"""What changes from step to step of a run. That, and nothing else, is in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.base import spending
from clbench.engine.clock import Clock
from clbench.engine.resume import Cursor
from clbench.engine.scorekeeper import Scorekeeper
from clbench.engine.staging import Stage
from clbench.evaluation.guards import Guards
from clbench.training import runstate

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Evaluator
    from clbench.methods.method import Method
    from clbench.training.trainer import Trainer


@dataclass(slots=True)
class Moving:
    """Of one run.

    Args:
        stage: the method with its model, optimizer and trainer; another one where a regime begins anew.
        evaluator: counts the tokens that it generates.
        scores: R and the probes so far.
        guards: what was seen of the model so far.
        clock: seconds so far.
        cursor: where the run stands.
    """

    stage: Stage
    evaluator: Evaluator
    scores: Scorekeeper
    guards: Guards
    clock: Clock = field(default_factory=Clock)
    cursor: Cursor = field(default_factory=Cursor)

    @property
    def method(self) -> Method:
        """The method at work."""
        return self.stage.trainer.method

    @property
    def trainer(self) -> Trainer:
        """The inner loop."""
        return self.stage.trainer

    def state_dict(self) -> dict[str, Any]:
        """All of it, of tensors and JSON values."""
        return {
            "run": runstate.capture(self.trainer, start=self.stage.versions),
            "scores": self.scores.state_dict(),
            "guards": self.guards.state_dict(),
            "seconds": self.clock.now(),
            "spent": spending.present().now(),
            "generated_tokens": self.evaluator.tokens,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was when it was saved."""
        runstate.restore(self.trainer, state["run"])
        self.scores.load_state_dict(state["scores"])
        self.guards.load_state_dict(state["guards"])
        self.clock.seconds, self.evaluator.tokens = dict(state["seconds"]), state["generated_tokens"]
        spending.present().add(state["spent"])

    def begin_anew(self, stage: Stage) -> None:
        """Another stage, from the base model on; what was counted and noted goes on."""
        old, new = self.stage, stage
        new.trainer.counts, new.trainer.scheduled = old.trainer.counts, old.trainer.scheduled
        new.trainer.passes.rows = old.trainer.passes.rows
        new.run.step, new.run.notes, new.run.sampled = old.run.step, old.run.notes, old.run.sampled
        self.stage = new
