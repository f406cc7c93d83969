"""What is known and refused before Avalanche is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clbench.base.errors import OptionError
from clbench_avalanche import clbench_methods
from clbench_avalanche.catalogue import is_tested
from clbench_avalanche.method import Avalanche, AvalancheOptions


def spec():
    (only,) = clbench_methods()
    return only


def test_spec():
    assert (spec().problem(), spec().load()) == ("", Avalanche)
    assert AvalancheOptions.model_validate_json(AvalancheOptions().model_dump_json()) == AvalancheOptions()


@pytest.mark.parametrize(
    ("plugin", "arguments"),
    [
        ("EWCPlugin", {"ewc_lambda": 1.0}),
        ("avalanche.training.plugins.RWalkPlugin", {"ewc_lambda": 1.0}),
        ("mine.EWCPlugin", {}),
        ("avalanche_and_more.EWCPlugin", {}),
    ],
)
def test_default_arguments_are_the_tested_plugins(plugin, arguments):
    assert AvalancheOptions(plugin=plugin).arguments == arguments
    assert is_tested(plugin) == bool(arguments)


def test_registration_and_options_load_neither_torch_nor_avalanche():
    code = """
import sys, clbench_avalanche as one
(spec,) = one.clbench_methods()
assert not {"torch", "avalanche"} & set(sys.modules)
spec.create({})
assert "avalanche" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plugin": "GEMPlugin"}, "GEMPlugin cannot run inside clbench: it stacks input tensors"),
        ({"plugin": "avalanche.training.plugins.ReplayPlugin"}, "its own loader"),
        ({"plugin": "EWCPlugn"}, "no usable plugin 'EWCPlugn' in Avalanche; there is EWCPlugin, RWalkPlugin"),
        ({"batch": 0}, "batch"),
        ({"plugins": "EWCPlugin"}, r"did you mean 'plugin'\?"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        spec().create(options)
