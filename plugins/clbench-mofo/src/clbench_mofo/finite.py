"""Gradients that would freeze a tensor in silence: one NaN among magnitudes, and nothing is the largest any more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch.nn.utils import get_total_norm

from clbench.base.errors import RunError
from clbench.parallel import parts

if TYPE_CHECKING:
    from torch import Tensor


def check(named: Sequence[tuple[str, Tensor]], *, step: int) -> None:
    """Refuse gradients that are not finite. One number for all, so that the host waits once.

    Finite gradients keep finite moments finite, and a norm that does not overflow keeps v from overflowing.

    Args:
        named: tensors with a gradient each.
        step: number of the step that they are for, told in the error.

    Raises:
        RunError: a gradient holds NaN or infinity, or is too large to be squared.
    """
    if math.isfinite(parts.full(get_total_norm([p.grad for _, p in named if p.grad is not None])).item()):
        return
    odd = [name for name, p in named if p.grad is not None and not parts.local(p.grad).isfinite().all()]
    raise diverged(odd, step=step)


def diverged(names: Sequence[str], *, step: int) -> RunError:
    """The error of gradients that are not finite; of a norm that overflows where no name is given."""
    others = f" and of {len(names) - 1} other tensors" if len(names) > 1 else ""
    what = f"the gradient of {names[0]}{others} holds NaN or infinity" if names else "the gradient's norm overflows"
    return RunError(
        f"mofo: {what} at optimizer step {step}: training has diverged; "
        "lower protocol.learning_rate, or use protocol.precision=fp32"
    )
