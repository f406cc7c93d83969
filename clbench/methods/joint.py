"""`joint`: one training on all tasks' data at once (multi-task). An upper bound: nothing comes after.

Only the last row of R exists. Each task's examples pass as often as its own budget says.
"""

from __future__ import annotations

from typing import final

from clbench.methods.method import Method


@final
class Joint(Method):
    """Plain fine-tuning; that all data come at once is the regime in its spec."""
