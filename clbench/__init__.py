"""clbench: a continual-learning benchmark suite for language models, with plugin methods.

The public names are resolved on first use, so that `import clbench` costs nothing and never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
API_VERSION = 1
"""Version of the contract between clbench and its plugins: hook signatures and the `Method` class."""

_PUBLIC = {
    "Capability": "clbench.methodspec",
    "ClbenchError": "clbench.errors",
    "Example": "clbench.data.example",
    "Experience": "clbench.method",
    "Footprint": "clbench.method",
    "Method": "clbench.method",
    "MethodOptions": "clbench.method",
    "MethodSpec": "clbench.methodspec",
    "ResultMatrix": "clbench.matrix",
    "Run": "clbench.method",
    "ScorerSpec": "clbench.scoring.spec",
    "SummarySpec": "clbench.summaries",
    "hookimpl": "clbench.hookspecs",
}

if TYPE_CHECKING:
    from clbench.data.example import Example as Example
    from clbench.errors import ClbenchError as ClbenchError
    from clbench.hookspecs import hookimpl as hookimpl
    from clbench.matrix import ResultMatrix as ResultMatrix
    from clbench.method import Experience as Experience
    from clbench.method import Footprint as Footprint
    from clbench.method import Method as Method
    from clbench.method import MethodOptions as MethodOptions
    from clbench.method import Run as Run
    from clbench.methodspec import Capability as Capability
    from clbench.methodspec import MethodSpec as MethodSpec
    from clbench.scoring.spec import ScorerSpec as ScorerSpec
    from clbench.summaries import SummarySpec as SummarySpec


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'clbench' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
