"""clbench: a continual-learning benchmark suite for language models, with plugin methods.

The public names are resolved on first use, so that `import clbench` costs nothing and never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
API_VERSION = 1
"""Version of the contract between clbench and its plugins: hook signatures and the `Method` class."""

# What packages and scripts may import, all of it: a name here keeps its place and its meaning (the rule for taking one
# away is in `docs/python.md`). `docs/api.md` has a line for each.
_PUBLIC = {
    "Capability": "clbench.methods.methodspec",
    "check": "clbench.api.checking",
    "ClbenchError": "clbench.base.errors",
    "board": "clbench.api.reading",
    "compare": "clbench.api.reading",
    "Example": "clbench.data.example",
    "Experience": "clbench.methods.method",
    "export_method": "clbench.api.exporting",
    "Footprint": "clbench.methods.method",
    "forget": "clbench.forgetting.forget",
    "ForgettingCallback": "clbench.forgetting.callback",
    "Lost": "clbench.boards.lost",
    "Method": "clbench.methods.method",
    "MethodOptions": "clbench.methods.method",
    "MethodSpec": "clbench.methods.methodspec",
    "Prediction": "clbench.runs.predictions",
    "Result": "clbench.api.result",
    "Sample": "clbench.methods.answering",
    "ResultMatrix": "clbench.metrics.matrix",
    "Results": "clbench.api.result",
    "Run": "clbench.methods.run",
    "ScorerSpec": "clbench.scoring.spec",
    "Scores": "clbench.runs.predictions",
    "SummarySpec": "clbench.metrics.summaries",
    "Table": "clbench.api.table",
    "hookimpl": "clbench.plugins.hookspecs",
    "load": "clbench.api.reading",
    "load_model": "clbench.api.reading",
    "metrics": "clbench.api.numbers",
    "run": "clbench.api.running",
    "runs": "clbench.api.reading",
    "score": "clbench.api.numbers",
}
"""Names of `clbench` itself, and where they stand."""
_PUBLIC_ELSEWHERE = {
    "clbench.testing": ("conformance", "check", "Outcome"),
    "clbench.base.atomic": ("write_json", "write_text"),
    "clbench.base.consent": ("TASK_CODE", "task_code_allowed"),
    "clbench.base.errors": (
        "DataError",
        "FileError",
        "ModelError",
        "OptionError",
        "PluginError",
        "RunError",
        "UnknownNameError",
        "did_you_mean",
        "pydantic_line",
    ),
    "clbench.base.hashing": ("digest", "file_digest"),
    "clbench.data.batches": ("IGNORE", "collate", "micro_batches", "right_pad"),
    "clbench.data.records": ("read_examples",),
    "clbench.data.tokenising": ("Encoded", "Encoder"),
    "clbench.models.bearing.window": ("reserve",),
    "clbench.models.drift": ("block_of",),
    "clbench.models.layers": ("blocks", "feed_forward_layers", "in_every_block", "linear_layers", "within_blocks"),
    "clbench.models.memory": ("room",),
    "clbench.parallel.parts": ("cut", "full", "is_part", "local", "summed"),
    "clbench.parallel.processes": ("launched",),
    "clbench.spec.external": ("ExternalProbe", "Judged"),
    "clbench.training.losses": ("autocast", "evaluating", "forward"),
}
"""Names that are imported from where they stand. Every hook of `clbench.plugins.hookspecs` is public too."""

if TYPE_CHECKING:
    from clbench.api.checking import check as check
    from clbench.api.exporting import export_method as export_method
    from clbench.api.numbers import metrics as metrics
    from clbench.api.numbers import score as score
    from clbench.api.reading import board as board
    from clbench.api.reading import compare as compare
    from clbench.api.reading import load as load
    from clbench.api.reading import load_model as load_model
    from clbench.api.reading import runs as runs
    from clbench.api.result import Result as Result
    from clbench.api.result import Results as Results
    from clbench.api.running import run as run
    from clbench.api.table import Table as Table
    from clbench.base.errors import ClbenchError as ClbenchError
    from clbench.boards.lost import Lost as Lost
    from clbench.data.example import Example as Example
    from clbench.forgetting.callback import ForgettingCallback as ForgettingCallback
    from clbench.forgetting.forget import forget as forget
    from clbench.methods.answering import Sample as Sample
    from clbench.methods.method import Experience as Experience
    from clbench.methods.method import Footprint as Footprint
    from clbench.methods.method import Method as Method
    from clbench.methods.method import MethodOptions as MethodOptions
    from clbench.methods.methodspec import Capability as Capability
    from clbench.methods.methodspec import MethodSpec as MethodSpec
    from clbench.methods.run import Run as Run
    from clbench.metrics.matrix import ResultMatrix as ResultMatrix
    from clbench.metrics.summaries import SummarySpec as SummarySpec
    from clbench.plugins.hookspecs import hookimpl as hookimpl
    from clbench.runs.predictions import Prediction as Prediction
    from clbench.runs.predictions import Scores as Scores
    from clbench.scoring.spec import ScorerSpec as ScorerSpec


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'clbench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
