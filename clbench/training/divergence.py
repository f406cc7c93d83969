"""When training must end: what is no number, where it began, and what helps.

A loss that is no number has run away, and a lower learning rate helps. A loss that is a number, with a gradient that is
none, is another thing: an operation's backward pass is at fault, as a rule attention's, and the rate has no part in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch

from clbench.base.errors import DivergedError, RunError
from clbench.models.bearing import packed

NAMED = 3  # tensors that a message names


def finite_loss(value: float, *, step: int) -> float:
    """The loss of a step.

    Raises:
        DivergedError: it is no number.
    """
    if math.isfinite(value):
        return value
    raise DivergedError(
        f"the loss is {value} at optimizer step {step}: training has diverged; "
        "lower protocol.learning_rate, or use protocol.precision=fp32"
    )


def check_norm(
    norm: float, model: torch.nn.Module, *, loss: float, step: int, bad: Sequence[str] | None = None
) -> None:
    """The gradients of a step, by their norm.

    Args:
        norm: of all of them.
        model: whose they are.
        loss: of the step.
        step: its number.
        bad: names of those that are none, where the gradients are no longer there.

    Raises:
        DivergedError: it is no number, and all of its parts are.
        RunError: one of them is none.
    """
    if math.isfinite(norm):
        return
    if bad is None:
        bad = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    if not bad:
        raise DivergedError(
            f"the gradient's norm is {norm} at optimizer step {step}, too large for fp32: training has diverged; "
            "lower protocol.learning_rate"
        )
    total = sum(p.requires_grad for p in model.parameters())
    raise RunError(
        f"the loss is a number ({loss:.4g}) and its gradient is none ({norm}) at optimizer step {step}: "
        f"{len(bad)} of {total} tensors, first on the way back from the loss in {first_layer(bad)} "
        f"(attention: {backend(model)}). No learning rate is at fault but an operation's backward pass; "
        "the last checkpoint is kept: go on from it with --set runtime.attention=eager"
    )


def first_layer(bad: Sequence[str]) -> str:
    """The layer where the backward pass met trouble first, with its tensors.

    Args:
        bad: names of parameters in the model's order, through which the backward pass runs from the last to the first.
    """
    found = re.match(r"(?:.*?\.\d+(?=\.))|.*(?=\.)|.*", bad[-1])
    assert found is not None
    within = [name.removeprefix(f"{found[0]}.") for name in bad if name.startswith(f"{found[0]}.")]
    listed = ", ".join([*within[:NAMED], *(["…"] if len(within) > NAMED else [])])
    return f"{found[0]} ({listed})" if within else found[0]


def backend(model: Any) -> str:
    """Such as `sdpa (flash, mem_efficient, math)`."""
    config = getattr(getattr(model, "module", model), "config", None)
    kind = str(getattr(config, "_attn_implementation", None) or "its own")
    if kind not in ("sdpa", packed.NAME):
        return kind
    kernels = ("flash", "mem_efficient", "cudnn", "math")
    switched = [one for one in kernels if getattr(torch.backends.cuda, f"{one}_sdp_enabled")()]
    return f"sdpa, of {', '.join(switched)}"
