"""The weights that gave a run's last row: kept, so that the base model's own code can be asked with them again."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from clbench.base.errors import RecordError
from clbench.models.weights import is_plain

MEASURED = "measured.safetensors"


def save_weights(path: Path, model: Any) -> None:
    """Write a model's parameters and buffers, but those that are quantised.

    Raises:
        RecordError: they cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.detach().cpu().clone().contiguous() for name, one in _tensors(model).items()}
    try:
        save_file(tensors, path)
    except (OSError, SafetensorError) as error:
        raise RecordError(f"{path}: cannot be written ({error}); free some space and run again") from error


def with_weights(base: Any, path: Path) -> Any | None:
    """A copy of the base model with other weights; None where they are not all of its own architecture's.

    Raises:
        RecordError: the file cannot be read.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RecordError(f"{path}: cannot be read ({error})") from error
    model = copy.deepcopy(base)
    own = _tensors(model)
    if own.keys() != tensors.keys() or any(own[name].shape != one.shape for name, one in tensors.items()):
        return None
    with torch.no_grad():
        for name, value in tensors.items():
            own[name].copy_(value)
    return model


def _tensors(model: Any) -> dict[str, Any]:
    """Without quantised ones, which no method changes and no file of tensors holds."""
    return {**{name: p for name, p in model.named_parameters() if is_plain(p)}, **dict(model.named_buffers())}
