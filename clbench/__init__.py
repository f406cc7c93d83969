"""clbench: a continual-learning benchmark suite for language models, with plugin methods.

The public names are resolved on first use, so that `import clbench` costs nothing and never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
API_VERSION = 1
"""Version of the contract between clbench and its plugins: hook signatures and the `Method` class."""

# What packages may import, all of it: a name here keeps its place and its meaning. `docs/api.md` has a line for each.
_PUBLIC = {
    "Capability": "clbench.methods.methodspec",
    "ClbenchError": "clbench.base.errors",
    "Example": "clbench.data.example",
    "Experience": "clbench.methods.method",
    "Footprint": "clbench.methods.method",
    "Method": "clbench.methods.method",
    "MethodOptions": "clbench.methods.method",
    "MethodSpec": "clbench.methods.methodspec",
    "ResultMatrix": "clbench.metrics.matrix",
    "Run": "clbench.methods.method",
    "ScorerSpec": "clbench.scoring.spec",
    "SummarySpec": "clbench.metrics.summaries",
    "hookimpl": "clbench.plugins.hookspecs",
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
    "clbench.data.batches": ("IGNORE", "collate"),
    "clbench.data.records": ("read_examples",),
    "clbench.data.tokenising": ("Encoded", "Encoder"),
    "clbench.models.drift": ("block_of",),
    "clbench.spec.external": ("ExternalProbe", "Judged"),
    "clbench.training.losses": ("evaluating", "forward"),
}
"""Names that are imported from where they stand. Every hook of `clbench.plugins.hookspecs` is public too."""

if TYPE_CHECKING:
    from clbench.base.errors import ClbenchError as ClbenchError
    from clbench.data.example import Example as Example
    from clbench.methods.method import Experience as Experience
    from clbench.methods.method import Footprint as Footprint
    from clbench.methods.method import Method as Method
    from clbench.methods.method import MethodOptions as MethodOptions
    from clbench.methods.method import Run as Run
    from clbench.methods.methodspec import Capability as Capability
    from clbench.methods.methodspec import MethodSpec as MethodSpec
    from clbench.metrics.matrix import ResultMatrix as ResultMatrix
    from clbench.metrics.summaries import SummarySpec as SummarySpec
    from clbench.plugins.hookspecs import hookimpl as hookimpl
    from clbench.scoring.spec import ScorerSpec as ScorerSpec


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'clbench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
