"""`single`: each task trained from the base model on its own. An upper bound for learning, with nothing to forget.

The system after task t is t separate models: row t of R holds each learned task's own score, so BWT is 0.
"""

from __future__ import annotations

from typing import final

from clbench.methods.method import Method


@final
class Single(Method):
    """Plain fine-tuning; that each task starts from the base model is the regime in its spec."""
