"""The shared fixtures, also when this package's tests run alone; Avalanche, imported once; plugins of one's own."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from small import gpt2, llama

from clbench_avalanche.catalogue import CALLED
from clbench_avalanche.loading import load

__all__ = ["gpt2", "llama"]


@pytest.fixture(scope="session")
def avalanche_package():
    """Avalanche, and a module `own_plugins` beside it."""
    package = load()
    sys.modules["own_plugins"] = own_plugins()
    yield package
    del sys.modules["own_plugins"]


def own_plugins():
    from avalanche.training.plugins import SupervisedPlugin

    class PerEpoch(SupervisedPlugin):
        """Uses a hook that is never called."""

        def before_training_epoch(self, strategy, **kwargs):
            pass

    class Unsaved(SupervisedPlugin):
        """Has what cannot be saved."""

        def __init__(self):
            super().__init__()
            self.what = object()

    class Told(SupervisedPlugin):
        """Writes down its hooks and the clock."""

        def __init__(self):
            super().__init__()
            self.hooks = []

    for name in CALLED:
        setattr(Told, name, _telling(name))
    module = ModuleType("own_plugins")
    module.PerEpoch, module.Unsaved, module.Told = PerEpoch, Unsaved, Told
    return module


def _telling(hook):
    def tell(self, strategy, **kwargs):
        self.hooks.append([hook, strategy.clock.train_exp_counter, strategy.clock.train_iterations])

    return tell
