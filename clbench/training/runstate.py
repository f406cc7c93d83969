"""All that a run carries from step to step, apart from its files: taken for a checkpoint, and put back.

Parameters, optimizer, the method's own state, every random stream, counts, notes. What a checkpoint does not hold is
derived again from the run's configuration: the base model, the data, the order of the data.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clbench.methods import added
from clbench.parallel import parts, processes

if TYPE_CHECKING:
    from clbench.training.trainer import Trainer


def versions(model: torch.nn.Module) -> dict[str, int]:
    """How often each parameter and buffer was written to; a frozen base need not be saved again and again."""
    return {name: tensor._version for name, tensor in _tensors(model).items()}


def capture(trainer: Trainer, *, start: Mapping[str, int]) -> dict[str, Any]:
    """The state at this moment, of tensors and JSON values.

    Args:
        trainer: with method, run and optimizer.
        start: `versions` of the model that the method took over.
    """
    run, optimizer = trainer.run, trainer.run.optimizer
    assert optimizer is not None
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    extra = added.added(run.model)
    return {
        "model": {
            name: tensor
            for name, tensor in _tensors(run.model).items()
            if id(tensor) in trained or start.get(name) != tensor._version
        },
        "added": {name: p.requires_grad for name, p in extra.items()},
        "groups": _group_names(run.model, optimizer) if extra else None,
        "optimizer": optimizer.state_dict(),
        "method": trainer.method.state_dict(),
        "random": processes.gathered(random_states(run.device)),
        "counts": dataclasses.asdict(trainer.counts),
        "rows": trainer.passes.rows,
        "step": run.step,
        "sampled": run.sampled,
        "scheduled": trainer.scheduled,
        "rate": trainer.rate,
        "notes": run.notes,
        "warnings": dict(run.warnings),
    }


def restore(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Put a state back into a trainer that was prepared for the same run, by as many processes or others.

    Where there are more, random streams are those of the first ones again.
    """
    run, optimizer = trainer.run, trainer.run.optimizer
    assert optimizer is not None
    if state.get("added"):
        _add_again(trainer, state)
    tensors = _tensors(run.model)
    with torch.no_grad():
        for name, value in state["model"].items():
            parts.local(tensors[name]).copy_(parts.local(parts.cut(value, tensors[name])))
    optimizer.load_state_dict(_spread(optimizer, state["optimizer"]))
    trainer.method.load_state_dict(parts.spread(state["method"], tensors))
    streams = state["random"]
    set_random_states(streams[trainer.accelerator.process_index % len(streams)], run.device)
    trainer.counts = type(trainer.counts)(**state["counts"])
    trainer.passes.rows = state["rows"]
    run.step, trainer.scheduled, trainer.rate = state["step"], state["scheduled"], state["rate"]
    run.sampled = state.get("sampled", 0)
    run.notes = dict(state["notes"])
    run.warnings.clear()
    run.warnings.update(state["warnings"])


def _spread(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer's state in parts, as its parameters are."""
    order = [p for group in optimizer.param_groups for p in group["params"]]
    keys = [key for group in state["param_groups"] for key in group["params"]]
    params = dict(zip(keys, order, strict=True))
    found = {
        key: {name: parts.spread({key: one}, params)[key] for name, one in values.items()}
        for key, values in state["state"].items()
    }
    return {**state, "state": found}


def _group_names(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    names = {id(p): name for name, p in model.named_parameters()}
    return [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]


def _add_again(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Parameters that a method had added by then, and the optimizer's groups as they were."""
    run, optimizer = trainer.run, trainer.run.optimizer
    assert optimizer is not None
    values = {name: state["model"][f"{added.PLACE}.{name}"] for name in state["added"]}
    for name, p in added.add(run.model, values).items():
        p.requires_grad_(state["added"][name])
    params = dict(run.model.named_parameters())
    groups = optimizer.param_groups
    groups.extend({**groups[-1]} for _ in range(len(state["groups"]) - len(groups)))
    del groups[len(state["groups"]) :]
    for group, names in zip(groups, state["groups"], strict=True):
        group["params"] = [params[name] for name in names]


def _tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def random_states(device: torch.device) -> dict[str, Any]:
    """Of the global generators that a model or a library may draw from; named streams are begun anew at each use."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def set_random_states(states: Mapping[str, Any], device: torch.device) -> None:
    """Put back what `random_states` gave."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"], device)
