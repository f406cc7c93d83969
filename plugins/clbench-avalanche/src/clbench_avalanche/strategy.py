"""What stands in for an Avalanche strategy while one of its plugins runs inside clbench's loop.

A minibatch is `[rows, rows, rows]` of examples in place of inputs, targets and task labels; the model gives their mean
answer-token loss, and the criterion hands it on. So `criterion(model(x), y).backward()` is the gradient that clbench
trains with, and the plugin neither tokenises nor pads.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from avalanche.training.plugins import SupervisedPlugin

from clbench import Example, Run
from clbench.base.errors import OptionError
from clbench_avalanche.catalogue import CALLED

if TYPE_CHECKING:
    from avalanche.training.plugins.clock import Clock


class Rows(tuple[Example, ...]):
    """Examples in the place of a tensor."""

    __slots__ = ()

    def to(self, device: Any, **_: Any) -> Rows:
        """Themselves; text is on no device."""
        return self


class Dataset(Sequence[Example]):
    """An experience's examples with a `collate_fn`, as the loaders that plugins make expect."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: Any) -> Any:
        return self._examples[index]

    @staticmethod
    def collate_fn(examples: Sequence[Example]) -> list[Rows]:
        """A minibatch."""
        return [Rows(examples)] * 3


class ExampleLoss(torch.nn.Module):
    """The model under training, called with examples; counts them.

    Args:
        run: whose model and loss these are.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.model, self._loss, self.examples = run.model, run.loss, 0

    def forward(self, rows: Rows) -> torch.Tensor:
        """Mean over all answer tokens, without dropout."""
        self.examples += len(rows)
        return self._loss(rows)


class Strategy:
    """The attributes of a strategy that plugins read and write. `loss` holds what the plugin adds, and nothing else.

    Args:
        plugin: of Avalanche.
        run: the run.
        clock: Avalanche's counters.
        batch: examples of a plugin's own passes over an experience.
    """

    is_training = True

    def __init__(self, plugin: SupervisedPlugin, run: Run, *, clock: Clock, batch: int) -> None:
        self.plugin, self.run, self.clock = plugin, run, clock
        self.model, self.device, self.train_mb_size = ExampleLoss(run), run.device, batch
        self.loss = torch.zeros((), device=run.device)
        self.mbatch: list[Rows] | None = None
        self.experience: SimpleNamespace | None = None

    dataset = Dataset
    collate = staticmethod(Dataset.collate_fn)

    @property
    def optimizer(self) -> Any:
        """The run's, also after a reset."""
        return self.run.optimizer

    @staticmethod
    def _criterion(output: torch.Tensor, targets: Any) -> torch.Tensor:
        return output

    def call(self, *hooks: str) -> None:
        """The plugin's hooks, and the clock's after each of them."""
        for hook in hooks:
            getattr(self.plugin, hook)(self)
            getattr(self.clock, hook)(self)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """For hooks that pass through the model: its mode stays, and no gradients are left."""
        model, training = self.run.model, self.run.model.training
        try:
            yield
        finally:
            model.train(training)
            model.zero_grad(set_to_none=True)


def make_plugin(name: str, arguments: dict[str, Any]) -> SupervisedPlugin:
    """One of Avalanche's plugins, or another class derived from its `SupervisedPlugin`.

    Raises:
        OptionError: no such class, arguments it does not take, or hooks that clbench does not call.
    """
    module, _, short = name.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module or "avalanche.training.plugins"), short)
    except (ImportError, AttributeError) as error:
        raise OptionError(f"avalanche.plugin: {name} cannot be imported: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, SupervisedPlugin)):
        raise OptionError(f"avalanche.plugin: {name} is no subclass of avalanche's SupervisedPlugin")
    own = [hook for hook in dir(SupervisedPlugin) if hook.startswith(("before_", "after_"))]
    missed = [hook for hook in own if hook not in CALLED and getattr(cls, hook) is not getattr(SupervisedPlugin, hook)]
    if missed:
        raise OptionError(f"avalanche.plugin: {name} uses {missed[0]}, which clbench does not call")
    try:
        return cls(**arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise OptionError(f"avalanche.arguments: {short}: {error}") from error
