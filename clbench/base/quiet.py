"""Libraries that warn of nothing a user could do, as soon as transformers or peft finds them."""

from __future__ import annotations

import logging

TALKATIVE = ("torch.utils._pytree", "bitsandbytes", "torchao")
"""Loggers: of torchao's enumerations, and of kernels that bitsandbytes looks for."""


def quiet() -> None:
    """Let them speak of errors only."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
