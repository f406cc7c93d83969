"""Stochastic rounding to bf16: up or down with the odds of the distance, so that the mean is the number itself.

bf16 keeps eight bits of a number. Updates below 1/512 of a weight, as most of Adam's are, would be lost every time by
rounding to the nearest; here each is made in full now and then (Zamirai et al., Revisiting BFloat16 Training, arXiv
2010.06192, section 4).
"""

from __future__ import annotations

import torch

_LOW = 2**16  # what the 16 bits that bf16 leaves out can say


def to_bf16(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Round stochastically; what bf16 can hold stays as it is, infinity and NaN too.

    Args:
        values: fp32, any shape.
        generator: on their device.
    """
    assert values.dtype == torch.float32
    noise = torch.randint(_LOW, values.shape, dtype=torch.int32, device=values.device, generator=generator)
    bits = (values.contiguous().view(torch.int32) + noise) & -_LOW
    return torch.where(values.isfinite(), bits.view(torch.float32), values).to(torch.bfloat16)
