"""How much each expert is used for a task: mean router weights, for the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from clbench import Example, Run
from clbench.models.drift import block_of
from clbench_loramoe.experts import ExpertLinear, recorded

SAMPLE = 16
"""Examples of a task that usage is measured on."""
DIGITS = 4


@torch.no_grad()
def mean_weights(run: Run, layers: Mapping[str, ExpertLinear], examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Mean router weight of each expert, (N,) for each layer, over all tokens of some examples.

    One example a pass, so that there is no padding; in evaluation mode, drawing no random numbers.
    """
    sums = {name: torch.zeros(layer.config.experts, dtype=torch.float64) for name, layer in layers.items()}
    tokens = dict.fromkeys(layers, 0)
    with recorded(layers.values()):
        for one in examples:
            run.loss([one])
            for name, layer in layers.items():
                routed = layer.take_routed()
                assert routed is not None, f"{name} took no part in the pass"
                flat = routed.flatten(0, -2)
                sums[name] += flat.sum(0).double().cpu()
                tokens[name] += len(flat)
    return {name: total / tokens[name] for name, total in sums.items()}


def utilisation(tasks: Mapping[str, Mapping[str, Any]], *, types: Sequence[str], size: int) -> dict[str, Any]:
    """The form that `clbench report` draws: a row a task under its type, a column an expert under its group's type.

    Args:
        tasks: usage by task, see `describe`.
        types: of the stream, one for each group of experts that has one.
        size: experts in a group.
    """
    experts = max((len(one["experts"]) for one in tasks.values()), default=0)
    groups = [types[i // size] if i // size < len(types) else f"group {i // size + 1}" for i in range(experts)]
    return {
        "title": "mean router weight of each expert, after the task was learned",
        "columns": [str(number) for number in range(1, experts + 1)],
        "column_groups": groups,
        "rows": [{"name": task, "group": one["type"], "values": one["experts"]} for task, one in tasks.items()],
    }


def describe(weights: Mapping[str, torch.Tensor], *, own: slice | None) -> dict[str, Any]:
    """Usage as JSON.

    Args:
        weights: (N,) for each layer.
        own: the experts of the task's type, or None where it has no type.

    Returns:
        experts: mean weight of each expert over all layers.
        own_share: sum of the weights of the type's own experts, 0–1.
        blocks: mean weight of each expert by transformer block.
    """
    overall = torch.stack(list(weights.values())).mean(0)
    blocks: dict[str, list[torch.Tensor]] = {}
    for name, one in weights.items():
        blocks.setdefault(block_of(f"{name}.weight"), []).append(one)
    return {
        "experts": _rounded(overall),
        "own_share": None if own is None else round(overall[own].sum().item(), DIGITS),
        "blocks": {block: _rounded(torch.stack(members).mean(0)) for block, members in blocks.items()},
    }


def by_type(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
    """Mean weight of each expert over the tasks of each type; the paper's figure of router weights."""
    types: dict[str, list[torch.Tensor]] = {}
    for usage in tasks.values():
        if usage["type"] is not None:
            types.setdefault(usage["type"], []).append(torch.tensor(usage["experts"], dtype=torch.float64))
    return {name: _rounded(torch.stack(members).mean(0)) for name, members in types.items()}


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(one, DIGITS) for one in values.tolist()]
