"""Parameter drift: how far a model has moved from its base. MoFO's own argument for why it works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.models.weights import is_plain

if TYPE_CHECKING:
    import torch

PART = 2**22  # entries


def plain(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """All parameters as they stand in a model, tied ones once, without those that are quantised and so never move."""
    return {name: p.detach() for name, p in model.named_parameters() if is_plain(p)}


def snapshot(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of them in main memory."""
    return {name: p.to("cpu", copy=True) for name, p in plain(model).items()}


def measure(model: torch.nn.Module, base: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Drift of those parameters that the base model had too (an adapter's own are not drift).

    Returns:
        relative_l2: ‖θ − θ₀‖ / ‖θ₀‖ over all parameters.
        moved: share (0–1) of entries that are not exactly what they were.
        blocks: relative_l2 by block: a transformer layer, the embeddings, the head.
    """
    import torch

    sums: dict[str, list[float]] = {}
    moved = entries = 0
    for name, parameter in model.named_parameters():
        start = base.get(name.replace(".base_layer.", "."))  # an adapter wraps a layer under this name
        if start is None:
            continue
        start = start.to("cpu", torch.float32)
        change = parameter.detach().to("cpu", torch.float32) - start
        block = sums.setdefault(block_of(name), [0.0, 0.0])
        block[0] += _squares(change)
        block[1] += _squares(start)
        moved += int(change.count_nonzero())
        entries += change.numel()
    return {
        "relative_l2": _ratio(sum(pair[0] for pair in sums.values()), sum(pair[1] for pair in sums.values())),
        "moved": moved / entries if entries else 0.0,
        "blocks": {name: _ratio(*pair) for name, pair in sums.items()},
    }


def block_of(name: str) -> str:
    """`model.layers.3.mlp.up_proj.weight` is of block `layers.3`; what is in no layer is its own block."""
    match = re.search(r"(layers|h|blocks)\.(\d+)\.", name)
    return f"{match[1]}.{match[2]}" if match else name.removesuffix(".weight").rpartition(".")[2]


def _squares(tensor: torch.Tensor) -> float:
    """Sum of squares in fp64, of a part at a time: an embedding of 28 million entries would take a gigabyte at once."""
    return sum(float(part.double().square().sum()) for part in tensor.flatten().split(PART))


def _ratio(change: float, size: float) -> float:
    return (change / size) ** 0.5 if size else 0.0
