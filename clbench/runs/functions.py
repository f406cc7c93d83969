"""Functions that results rest on, and whether they are still those of their packages.

Whatever runs in a process can put another function in the place of one that decodes, scores or writes. A function is
its package's own when its code stands in a file of the package; code that was compiled under a false file name, and
what a function calls in turn, are not seen. `docs/conformance.md` says what else is not.
"""

from __future__ import annotations

import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

LISTED = (
    "clbench.base.atomic:write_text",
    "clbench.base.hashing:digest",
    "clbench.base.hashing:file_digest",
    "clbench.data.overlap:overlap_all",
    "clbench.engine.reckoning:make_record",
    "clbench.engine.runner:Runner.measure",
    "clbench.engine.runner:Runner.save",
    "clbench.engine.scorekeeper:Scorekeeper.measure",
    "clbench.engine.scorekeeper:Scorekeeper._score",
    "clbench.evaluation.asking:ask",
    "clbench.engine.carrying:publish",
    "clbench.evaluation.engines.choosing:Engines.write",
    "clbench.evaluation.engines.greedy:Greedy.write",
    "clbench.evaluation.engines.hf:Generate.write",
    "clbench.evaluation.evaluator:Evaluator.choose",
    "clbench.evaluation.evaluator:Evaluator.mean_loss",
    "clbench.evaluation.evaluator:Evaluator.predict",
    "clbench.evaluation.evaluator:Evaluator._ask_all",
    "clbench.evaluation.evaluator:Evaluator.generate",
    "clbench.evaluation.evaluator:Evaluator.read",
    "clbench.metrics.uncertainty:standard_error",
    "clbench.runs.predictions:read",
    "clbench.runs.predictions:save",
    "clbench.runs.predictions:score",
    "clbench.runs.predictions:score_records",
    "clbench.scoring:load_scorer",
    "clbench.scoring:record_scores",
    "clbench.training.trainer:Trainer.step",
    "clbench.training.trainer:Trainer.train",
    "torch.nn.functional:cross_entropy",
    "torch.nn.functional:embedding",
    "torch.nn.modules.module:Module.__call__",
    "torch.optim.adam:Adam.step",
    "torch.optim.optimizer:Optimizer.zero_grad",
    "transformers.generation.utils:GenerationMixin.generate",
    "transformers.generation.utils:GenerationMixin._sample",
)
"""`module:attribute`; those of modules that were not imported are passed over."""


def replaced() -> list[str]:
    """Listed functions that are not their packages' own, each with where the present one comes from."""
    found = [(name, _stranger(name)) for name in LISTED]
    return [f"{name} was replaced by {other}" for name, other in found if other]


def _stranger(name: str) -> str:
    """Where a function's code comes from, if from outside its package; else the empty string."""
    module_name, _, attribute = name.partition(":")
    module = sys.modules.get(module_name)
    if module is None:
        return ""
    one: Any = module
    for part in attribute.split("."):
        one = vars(one).get(part)
        if one is None:
            return "nothing"
    one = one.__func__ if isinstance(one, staticmethod | classmethod) else one
    if not isinstance(one, types.FunctionType):
        return f"a {type(one).__name__}"
    return _foreign(one.__code__.co_filename, module_name.partition(".")[0])


@cache
def _foreign(file: str, package: str) -> str:
    """What a code's file is, where it is none of a package or of torch, whose decorators others use."""
    places = (getattr(sys.modules.get(name), "__file__", None) for name in (package, "torch"))
    roots = [Path(place).parent for place in places if place]
    return "" if any(Path(file).is_relative_to(root) for root in roots) else f"a function of {Path(file).name}"
