"""What a method adds to a training step and to the optimizer's, on a model of a shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from clbench.speed import timing
from clbench.speed.figure import Figure
from clbench.speed.subject import Subject

if TYPE_CHECKING:
    import torch

    from clbench.data.tokenising import Encoded

FUSED = "fused AdamW"


def whole(subject: Subject, beside: Subject, *, records: int, budget: float) -> Figure:
    """A training step, from tokens to changed weights, beside another method's on the same records.

    Args:
        subject: the method.
        beside: the other one.
        records: of a step.
        budget: seconds to spend, about.
    """
    steps = subject.steps(records)
    works = {"its": lambda: subject.train(steps), "other": lambda: beside.train(steps)}
    times = timing.in_turn(works, device=subject.stage.run.device, budget=budget)
    name, other = (one.config.choice.name for one in (subject, beside))
    value, ratio = 1e3 * timing.median(times["its"]) / len(steps), timing.ratio(times["its"], times["other"])
    return Figure("steps", subject.shape.name, f"{name}: training step", value, "ms", {other: ratio}, tell(steps))


def tell(steps: Sequence[Sequence[Encoded]]) -> str:
    """What the steps are made of."""
    tokens = sum(len(one.ids) for batch in steps for one in batch)
    return f"{len(steps)} steps of {len(steps[0])} records, {tokens:,} tokens"


def optimizers(subject: Subject, *, budget: float) -> Iterator[Figure]:
    """The optimizer's step beside torch's fused AdamW on the same gradients; none where nothing is trained."""
    run, own = subject.stage.run, subject.stage.run.optimizer
    params = [p for group in own.param_groups for p in group["params"]] if own else []
    if own is None or not params:
        return
    _give_gradients(params)
    fused = _fused(params)
    times = timing.in_turn({"its": own.step, "fused": fused.step}, device=run.device, budget=budget)
    name, size = subject.config.choice.name, sum(p.numel() for p in params)
    value, ratio = 1e3 * timing.median(times["its"]), timing.ratio(times["its"], times["fused"])
    note = f"{type(own).__name__} over {size:,} parameters"
    own.zero_grad(set_to_none=True)
    yield Figure("steps", subject.shape.name, f"{name}: optimizer", value, "ms", {FUSED: ratio}, note)


def _fused(params: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Over tensors of its own, so that the two do not find each other's in a cache."""
    import torch

    own: list[Any] = [torch.nn.Parameter(p.detach().clone()) for p in params]
    _give_gradients(own)
    return torch.optim.AdamW(own, lr=1e-6, fused=True)


def _give_gradients(params: Sequence[torch.nn.Parameter]) -> None:
    import torch

    generator = torch.Generator(params[0].device).manual_seed(0)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator, device=p.device, dtype=p.dtype) * 1e-3
