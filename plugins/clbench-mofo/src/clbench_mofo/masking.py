"""GMT's masks on a GPU: the kernels that select for a step, on gradients alone; nothing waits for the device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench_mofo import device, kernels
from clbench_mofo.layout import Layout, lay_out
from clbench_mofo.slices import partition


class Masks:
    """The tables of some gradients, which stay while their shapes do."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, Layout]] = {}

    def apply(self, gradients: Sequence[Tensor], *, ratio: float) -> None:
        """Set what is below its tensor's threshold to zero, in place; NaN, which is larger than any number here, stays.

        Args:
            gradients: contiguous, on one device.
            ratio: share (0–1] of the entries to keep; at least one stays.
        """
        for kind in dict.fromkeys(one.dtype for one in gradients):
            some = [one for one in gradients if one.dtype == kind]
            layout = self._layout(some, ratio)
            addresses = np.zeros((len(some), 5), np.int64)
            addresses[:, 1] = [one.data_ptr() for one in some]
            layout.place(addresses, (0, some[0].element_size(), 0, 0, 0))
            with torch.cuda.device(some[0].device) if some[0].is_cuda else nullcontext():
                _mask(layout, device.KINDS[kind])

    def _layout(self, gradients: Sequence[Tensor], ratio: float) -> Layout:
        kind, shapes = gradients[0].dtype, (tuple(one.numel() for one in gradients), ratio)
        known, layout = self._known.get(kind, (None, None))
        if layout is None or known != shapes:
            parts = partition(shapes[0], fraction=ratio, scope="tensor", shards=1)
            layout = lay_out(parts, span=device.SPAN, device=gradients[0].device, lists=False)
            self._known[kind] = shapes, layout
        return layout


def _mask(layout: Layout, kind: Any) -> None:
    turns = {"SPAN": device.SPAN, "BLOCK": device.BLOCK}
    device.select(layout, WEIGHTS=kind, GRADIENTS=kind, SCORE=device.SCORES["gradient"], **turns)
    tables = (layout.rows, layout.blocks, layout.numbers, layout.state)
    device.run(kernels.keep, len(layout.blocks), *tables, GRADIENTS=kind, **turns)
