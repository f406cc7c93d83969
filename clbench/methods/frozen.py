"""`frozen`: the base model, never trained (zero-shot). The lower bound: every row of R is row 0."""

from __future__ import annotations

from typing import final

from clbench.methods.method import Method


@final
class Frozen(Method):
    """Never trained; that is the regime in its spec."""
