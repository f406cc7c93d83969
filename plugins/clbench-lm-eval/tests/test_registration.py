"""What is known before lm-eval is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clbench.base.errors import FileError
from clbench_lm_eval import clbench_load_probe


def test_other_names_are_not_ours():
    assert clbench_load_probe("helm:mmlu") is None
    assert clbench_load_probe("lm-evaluation:mmlu") is None


def test_what_is_wrong_in_writing_is_said_at_once():
    with pytest.raises(FileError, match=r"there is no file .*none\.yaml"):
        clbench_load_probe("lm-eval:none.yaml")


def test_registration_loads_neither_torch_nor_lm_eval():
    code = """
import sys, clbench_lm_eval as one
assert one.clbench_load_probe("other:task") is None
assert not {"torch", "lm_eval", "numpy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_an_lm_eval_that_cannot_be_imported():
    code = """
import sys
from clbench.base.errors import PluginError
from clbench_lm_eval.loading import load
sys.modules["lm_eval.evaluator"] = None
try:
    load("mmlu")
except PluginError as error:
    assert "--probe lm-eval:mmlu: lm-eval cannot be imported: " in str(error), error
    assert "\\n" not in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
