"""The arithmetic of a step, in the order of `torch.optim.AdamW`'s loop over tensors, so that the bits are the same.

`torch._foreach_*` is one call for many tensors: on a GPU few launches, on a CPU a loop over what fits its cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from clbench.parallel import parts
from clbench_mofo import together
from clbench_mofo.select import kth_largest
from clbench_mofo.slices import Slice, batches, populations

Score = Literal["momentum", "gradient", "mv", "random", "magnitude"]
Decay = Literal["all", "selected"]


@dataclass(slots=True)
class Shares:
    """How much of the filtered tensors was updated, summed over the measured steps.

    Args:
        steps: steps measured.
        entries: entries of filtered tensors in these steps.
        selected: entries at or above their threshold.
        updated: entries whose stored value changed; rounding and zero momentum make it fewer.
    """

    steps: int = 0
    entries: int = 0
    selected: int = 0
    updated: int = 0


def update_moments(slices: Sequence[Slice], *, betas: tuple[float, float]) -> None:
    """Both moments take in the whole gradient, whatever will be selected."""
    beta1, beta2 = betas
    for batch in batches(slices):
        first, second = [one.exp_avg for one in batch], [one.exp_avg_sq for one in batch]
        grads = [one.grad.to(one.exp_avg.dtype) for one in batch]
        torch._foreach_lerp_(first, grads, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, 1 - beta2)


def select(
    slices: Sequence[Slice],
    group: Mapping[str, Any],
    generator: torch.Generator | None,
    *,
    held: Sequence[Tensor] = (),
) -> Sequence[Slice]:
    """Give each population its threshold; a fraction of 1 needs none.

    Args:
        slices: of tensors, or of this process's parts of them.
        group: the options.
        generator: of random scores.
        held: the tensors, where several processes hold parts of them.

    Returns:
        The same entries, cut where populations end.
    """
    if group["fraction"] == 1 or not slices:
        return slices
    for one in slices:
        one.score = score_of(one, group["score"], eps=group["eps"], generator=generator)
    if held:
        return together.select(slices, [p.numel() for p in held], group, add=partial(parts.summed, like=held[0]))
    chosen: list[Slice] = []
    options = {key: group[key] for key in ("fraction", "scope", "shards")}
    for population in populations(slices, **options):
        threshold = kth_largest([one.ranked for one in population.slices], population.rank)
        for one in population.slices:
            one.threshold = threshold
        chosen += population.slices
    return chosen


def score_of(one: Slice, score: Score, *, eps: float, generator: torch.Generator | None) -> Tensor | None:
    """What entries are ranked by the magnitude of; None is the momentum itself, which needs no copy."""
    dtype = one.exp_avg.dtype
    match score:
        case "momentum":
            return None
        case "gradient":
            return one.grad.to(dtype)
        case "mv":
            return one.exp_avg / (one.exp_avg_sq.sqrt() + eps)
        case "random":
            return torch.rand(one.param.numel(), generator=generator, device=one.param.device)
        case "magnitude":
            return one.param.to(dtype)


def update_params(
    slices: Sequence[Slice], group: Mapping[str, Any], shares: Shares | None = None, *, held: Sequence[Tensor] = ()
) -> None:
    """Decay the weights and move the selected ones.

    Args:
        slices: with thresholds.
        group: the options.
        shares: to count into.
        held: see `select`.
    """
    counted = Shares() if shares else None
    _move(slices, group, counted)
    if shares and counted:
        numbers = torch.tensor([counted.entries, counted.selected, counted.updated])
        told = parts.summed(numbers.to(parts.local(held[0]).device), held[0]) if held else numbers
        entries, selected, updated = told.tolist()
        shares.entries += entries
        shares.selected += selected
        shares.updated += updated


def _move(slices: Sequence[Slice], group: Mapping[str, Any], shares: Shares | None) -> None:
    for batch in batches(slices):
        before = _count_selected(batch, shares) if shares else {}
        params = [one.param.to(one.exp_avg.dtype) for one in batch]  # the weights themselves when they are fp32
        momentum = [one.filtered_momentum() for one in batch]  # before the decay: |p| may be the score
        denominator = torch._foreach_sqrt([one.exp_avg_sq for one in batch])
        torch._foreach_div_(denominator, [one.root for one in batch])
        torch._foreach_add_(denominator, group["eps"])
        if group["weight_decay"]:
            _decay(batch, params, factor=1 - group["lr"] * group["weight_decay"], which=group["decay"])
        torch._foreach_addcdiv_(params, momentum, denominator, [-one.step_size for one in batch])
        for one, param in zip(batch, params, strict=True):
            if param is not one.param:
                one.param.copy_(param)
        for index, old in before.items():
            shares.updated += int((batch[index].param != old).sum())  # type: ignore[union-attr]


def _decay(batch: Sequence[Slice], params: Sequence[Tensor], *, factor: float, which: Decay) -> None:
    if which == "all":
        torch._foreach_mul_(list(params), factor)
        return
    for one, param in zip(batch, params, strict=True):
        param.copy_(torch.where(one.selected(), param * factor, param))


def _count_selected(batch: Sequence[Slice], shares: Shares) -> dict[int, Tensor]:
    """Count what is filtered and selected; returns the weights before the step, by position in the batch."""
    filtered = [index for index, one in enumerate(batch) if one.threshold is not None]
    shares.entries += sum(batch[index].param.numel() for index in filtered)
    shares.selected += sum(int(batch[index].selected().sum()) for index in filtered)
    return {index: batch[index].param.clone() for index in filtered}
