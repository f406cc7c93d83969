"""`sequential`: full fine-tuning of all parameters, task after task. What every method is compared with."""

from __future__ import annotations

from typing import final

from clbench.methods.method import Method


@final
class Sequential(Method):
    """Plain fine-tuning (SeqFT in TRACE, Full FT in the MoFO paper): the contract with nothing overridden."""
