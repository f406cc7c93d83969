"""What the bridge relies on in Avalanche, and why it refuses what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, TensorDataset

from clbench_avalanche.catalogue import ALLOWED, REFUSED

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("avalanche_package")]


def test_importing_it_leaves_torchs_datasets_alone():
    added = TensorDataset(torch.zeros(2)) + TensorDataset(torch.zeros(3))
    assert type(added) is ConcatDataset
    assert Dataset.__add__.__module__.startswith("torch.")


def test_each_of_its_plugins_is_allowed_or_refused():
    from avalanche.training import plugins

    named = [name for name in dir(plugins) if name.endswith("Plugin") and name != "SupervisedPlugin"]
    assert set(named) == set(ALLOWED) | set(REFUSED)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_synaptic_intelligence_has_no_importance_on_a_cpu():
    """When this fails, Avalanche has been mended, and the plugin may be allowed."""
    from avalanche.training.plugins import SynapticIntelligencePlugin

    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plugin = SynapticIntelligencePlugin(si_lambda=1.0)
    strategy = SimpleNamespace(model=model, device=torch.device("cpu"))
    plugin.before_training_exp(strategy)
    for _ in range(3):
        plugin.before_training_iteration(strategy)
        optimizer.zero_grad()
        model(torch.ones(1, 3)).pow(2).sum().backward()
        optimizer.step()
        plugin.after_training_iteration(strategy)
    plugin.after_training_exp(strategy)
    assert plugin.ewc_data[1]["weight"].data.abs().sum() == 0
