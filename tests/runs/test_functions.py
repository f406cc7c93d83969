"""Functions that results rest on: each is there, each is its package's own, and a stranger is named."""

import importlib

import pytest

from clbench.evaluation.evaluator import Evaluator
from clbench.runs import functions, predictions


@pytest.mark.parametrize("name", functions.LISTED)
def test_each_is_there_and_is_its_packages_own(name):
    importlib.import_module(name.partition(":")[0])
    assert functions._stranger(name) == ""


def test_a_stranger_is_named(monkeypatch):
    monkeypatch.setattr(predictions, "score", lambda *given: None)
    monkeypatch.setattr(Evaluator, "predict", len)
    assert functions.replaced() == [
        "clbench.evaluation.evaluator:Evaluator.predict was replaced by a builtin_function_or_method",
        "clbench.runs.predictions:score was replaced by a function of test_functions.py",
    ]
    monkeypatch.delattr(predictions, "score")
    assert "clbench.runs.predictions:score was replaced by nothing" in functions.replaced()
