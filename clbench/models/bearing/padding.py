"""What a model bears: whether batches of unlike lengths leave its numbers alone, and how attention takes a mask."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Padding:
    """Found out when a model is loaded (`checks`); where it is not borne, batches are of one length.

    Args:
        training: tokens behind a text leave what stands before them alone.
        asking: masked tokens before a prompt leave its answer alone.
        packing: tokens that a text may have to share a row with others that leave it alone (`packed`); 0: none may.
    """

    training: bool = True
    asking: bool = True
    packing: int = 0


def masked_attention() -> contextlib.AbstractContextManager[Any]:
    """Around every forward pass that is given a mask: attention is computed by any kernel but cuDNN's.

    That one gives NaN at rows which see nothing, as padding before a prompt makes them (pytorch issue 196678).
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
