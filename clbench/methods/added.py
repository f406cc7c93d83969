"""Parameters that a method adds while a run goes on: where they are, so that checkpoints and optimizers find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RunError
from clbench.parallel import processes

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer

PLACE = "clbench_added"
"""The model's submodule that holds them."""


def added(model: Any) -> dict[str, torch.nn.Parameter]:
    """By name, in the order in which they came."""
    return dict(getattr(model, PLACE, None) or {})


def add(model: Any, values: Mapping[str, torch.Tensor]) -> dict[str, torch.nn.Parameter]:
    """Those of a model by these names, with these values: made anew, or, where a run is taken up again, found there.

    Raises:
        RunError: the model is on several devices, a name is no identifier, or stands for another shape.
    """
    import torch

    if processes.launched():
        raise RunError("parameters are added to a model on one device only: run this method without a launcher")
    place = getattr(model, PLACE, None)
    if place is None:
        place = torch.nn.ParameterDict()
        model.add_module(PLACE, place)
    device = next(model.parameters()).device
    for name, value in values.items():
        if not name.isidentifier():
            raise RunError(f"added parameter {name!r}: the name must be letters, digits and underscores")
        if name not in place:
            place[name] = torch.nn.Parameter(value.detach().clone().to(device))
        elif place[name].shape != value.shape:
            raise RunError(f"added parameter {name!r}: is there already, with shape {tuple(place[name].shape)}")
        else:
            place[name].data.copy_(value)
    return {name: place[name] for name in values}


def train(optimizer: Optimizer, params: Mapping[str, torch.nn.Parameter], *, learning_rate: float) -> None:
    """Put those that an optimizer does not train yet into a group of their own."""
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    new = [p for p in params.values() if id(p) not in known]
    if new:
        optimizer.add_param_group({"params": new, "lr": learning_rate, "base_lr": learning_rate})
