"""`torch.compile` of a model's blocks, while it is trained and only then.

Blocks are compiled one by one, and as they are alike, once: what surrounds their matrix products becomes a few kernels.
An evaluation, whose shapes change with every token that is written, goes on as without.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from clbench.models.layers import blocks


@contextlib.contextmanager
def compiled(model: Any, *, wanted: bool = True) -> Iterator[None]:
    """Within, the model's blocks are compiled, for texts of any length."""
    inside = [block for _, block in blocks(model)] if wanted else []
    for block in inside:
        block.compile(dynamic=True)
    try:
        yield
    finally:
        for block in inside:
            block._compiled_call_impl = None  # what `compile` has set
