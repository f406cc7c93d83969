"""`avalanche`: one of Avalanche's plugins inside clbench's loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_avalanche.catalogue import is_tested, refusal
from clbench_avalanche.loading import load, own_randomness

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from clbench_avalanche.strategy import Strategy


class AvalancheOptions(MethodOptions):
    """Options of `avalanche`.

    Args:
        plugin: `EWCPlugin`, `RWalkPlugin`, or the dotted name of a class of your own that derives from Avalanche's
            `SupervisedPlugin`.
        arguments: of the plugin's constructor, by name; by default λ = 1 for Avalanche's plugins, which has no
            scientific standing, and nothing for others.
        batch: examples of the plugin's own passes over an experience; EWC squares the gradients of batches of this
            size.
    """

    plugin: str = "EWCPlugin"
    arguments: dict[str, Any] = Field(default_factory=lambda data: _default_arguments(data.get("plugin", "")))
    batch: int = Field(default=8, ge=1)

    @field_validator("plugin")
    @classmethod
    def _usable(cls, plugin: str) -> str:
        if reason := refusal(plugin):
            raise PydanticCustomError("plugin", "{reason}", {"reason": reason})
        return plugin


def _default_arguments(plugin: str) -> dict[str, Any]:
    return {"ewc_lambda": 1.0} if is_tested(plugin) else {}


@final
class Avalanche(Method):
    """Calls a plugin's hooks where Avalanche would: see `catalogue.CALLED`."""

    Options: ClassVar[type[MethodOptions]] = AvalancheOptions
    options: AvalancheOptions

    def __init__(self, options: AvalancheOptions | None = None) -> None:
        super().__init__(options)
        self._strategy: Strategy | None = None
        self._passed = 0  # examples in the plugin's own passes
        self._trained = 0
        self._iterating = False

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Import Avalanche and make the plugin, so that wrong arguments stop the run before it begins.

        Raises:
            OptionError: no such class, or arguments it does not take.
            RunError: it has state that clbench cannot save.
        """
        load()
        from avalanche.training.plugins.clock import Clock

        from clbench_avalanche.state import state_of
        from clbench_avalanche.strategy import make_plugin

        self._plugin, self._clock = make_plugin(self.options.plugin, self.options.arguments), Clock()
        self._device = next(model.parameters()).device
        state_of(self._plugin)
        return model

    def before_experience(self, run: Run, experience: Experience) -> None:
        """The plugin is told that training begins."""
        from clbench_avalanche.strategy import Strategy

        if not is_tested(self.options.plugin):
            run.warn(f"avalanche: {self.options.plugin} is not among the plugins that clbench tests")
        if self._strategy is None or self._strategy.run is not run:
            self._strategy = Strategy(self._plugin, run, clock=self._clock, batch=self.options.batch)
        self._strategy.experience = SimpleNamespace(dataset=None, current_experience=experience.index - 1)
        self._strategy.call("before_training", "before_training_exp")

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """An iteration begins; the batch stays what it is."""
        strategy = self._running()
        strategy.mbatch = strategy.collate(batch)
        self._trained += len(batch)
        self._iterating = True
        self._with_model(run, "before_training_iteration")
        return batch

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """What the plugin adds to the loss."""
        strategy = self._running()
        strategy.loss = torch.zeros((), device=run.device)
        strategy.call("before_backward")
        return strategy.loss if strategy.loss.requires_grad else None

    def after_backward(self, run: Run) -> None:
        """The step's gradients are complete."""
        self._running().call("after_backward", "before_update")

    def after_step(self, run: Run) -> None:
        """An iteration ends. Rehearsal is no iteration: the plugin adds its loss there, and measures nothing."""
        if self._iterating:
            self._running().call("after_update", "after_training_iteration")
        self._iterating = False

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """The plugin passes over the experience's own examples."""
        strategy = self._running()
        assert strategy.experience is not None
        strategy.experience.dataset = strategy.dataset(data)
        self._with_model(run, "after_training_exp", "after_training")
        strategy.experience.dataset = strategy.mbatch = None

    def _running(self) -> Strategy:
        assert self._strategy is not None, "before_experience comes first"
        return self._strategy

    def _with_model(self, run: Run, *hooks: str) -> None:
        strategy = self._running()
        with strategy.kept(), own_randomness(run.rng("avalanche", hooks[0], run.step), run.device):
            strategy.call(*hooks)
        self._passed += strategy.model.examples
        strategy.model.examples = 0

    def state_dict(self) -> dict[str, Any]:
        """The plugin's and the clock's attributes, and the counts."""
        from clbench_avalanche.state import state_of

        counts = {"passed": self._passed, "trained": self._trained}
        return {"plugin": state_of(self._plugin), "clock": state_of(self._clock), "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state, over what `before_experience` may have done to the plugin."""
        from clbench_avalanche.state import load_state

        load_state(self._plugin, state["plugin"], device=self._device)
        load_state(self._clock, state["clock"], device=self._device)
        self._passed, self._trained = state["counts"]["passed"], state["counts"]["trained"]

    def footprint(self) -> Footprint:
        """The plugin's tensors, and its own passes for each example trained on."""
        if not self._trained:
            return Footprint()
        from clbench_avalanche.state import state_of, tensors

        stored = sum(one.nbytes for one in tensors(state_of(self._plugin)))
        return Footprint(stored_bytes=stored, extra_passes=self._passed / self._trained)
