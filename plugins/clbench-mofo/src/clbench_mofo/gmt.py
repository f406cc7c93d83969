"""`gmt`: fine-tuning on the largest gradients only.

Li et al., Enhancing Large Language Model Performance with Gradient-Based Parameter Selection (AAAI 2025,
arXiv:2406.15330). Per tensor with n entries, at each optimizer step, on the accumulated gradient:

    τ = the k-th largest |g|, k = max(1, ⌊ratio·n⌋)                              select.kth_largest
    g ← g where |g| ≥ τ, else 0; entries equal to τ all stay                     select.keep_largest
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, final

import torch
from pydantic import Field
from torch.nn.utils import get_total_norm

from clbench import Method, MethodOptions, Run
from clbench.base.errors import RunError
from clbench.parallel import parts
from clbench_mofo import fast, together
from clbench_mofo.select import keep_largest, kth_largest
from clbench_mofo.threads import few_as_one

if TYPE_CHECKING:
    from clbench_mofo.masking import Masks


class GmtOptions(MethodOptions):
    """Options of `gmt`.

    Args:
        ratio: share (0–1] of a tensor's gradient entries that are kept; 1 is `sequential`.
    """

    ratio: float = Field(default=0.2, gt=0, le=1, allow_inf_nan=False)


@final
class Gmt(Method):
    """Zeroes all but the largest entries of each tensor's gradient, once a step."""

    Options: ClassVar[type[MethodOptions]] = GmtOptions
    options: GmtOptions

    def __init__(self, options: GmtOptions | None = None) -> None:
        super().__init__(options)
        self._masks: Masks | None = None

    @torch.no_grad()
    def after_backward(self, run: Run) -> None:
        """Mask the step's gradients. On a GPU a NaN stays, for the loop to find, and nothing waits.

        Raises:
            RunError: a gradient holds NaN or infinity, among which nothing is the largest.
        """
        if self.options.ratio == 1:
            return
        gradients = [p.grad for p in run.model.parameters() if p.grad is not None and p.grad.numel()]
        held = any(map(parts.is_part, gradients))
        if gradients and not held and fast.are_maskable(gradients):
            self._on_device(gradients)
            return
        if not math.isfinite(parts.full(get_total_norm(gradients)).item()):
            raise RunError(
                f"gmt: the gradient's norm is not finite at optimizer step {run.step + 1}: training has diverged; "
                "lower protocol.learning_rate, or use protocol.precision=fp32"
            )
        with few_as_one():
            if held:
                mask_together(gradients, ratio=self.options.ratio)
                return
            for gradient in gradients:
                gradient.copy_(mask(gradient, ratio=self.options.ratio))

    def _on_device(self, gradients: Sequence[torch.Tensor]) -> None:
        from clbench_mofo.masking import Masks

        self._masks = self._masks or Masks()
        self._masks.apply(gradients, ratio=self.options.ratio)


def mask_together(gradients: Sequence[torch.Tensor], *, ratio: float) -> None:
    """`mask`, in place, of gradients that several processes hold parts of."""
    local = [parts.local(one).view(-1) for one in gradients]
    ranks = [max(1, int(ratio * one.numel())) for one in gradients]
    thresholds = together.kth_largest([[one] for one in local], ranks, add=partial(parts.summed, like=gradients[0]))
    for one, threshold in zip(local, thresholds, strict=True):
        one.copy_(keep_largest(one, threshold.to(one.dtype)))


def mask(gradient: torch.Tensor, *, ratio: float) -> torch.Tensor:
    """The gradient with all but its largest entries set to zero.

    Args:
        gradient: any shape, at least one entry, finite.
        ratio: share (0–1] of the entries to keep; at least one stays.
    """
    flat = gradient.reshape(-1)
    threshold = kth_largest([flat], max(1, int(ratio * flat.numel())))
    return keep_largest(flat, threshold).view(gradient.shape)
