"""The state of an Avalanche plugin as tensors and JSON values, and back.

Avalanche's own way is to pickle the whole strategy; clbench saves no code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from avalanche.training.utils import ParamData

from clbench.base.errors import RunError

_PLAIN = (type(None), bool, int, float, str, torch.Tensor)
_SEQUENCES = {"list": list, "tuple": tuple, "set": set}


def state_of(owner: Any) -> dict[str, Any]:
    """All attributes of an object.

    Raises:
        RunError: one of them is neither tensor, number, text nor a collection of these.
    """
    name = type(owner).__name__
    return {key: _encode(value, where=f"{name}.{key}") for key, value in vars(owner).items()}


def load_state(owner: Any, state: Mapping[str, Any], *, device: torch.device) -> None:
    """Set the attributes that `state_of` gave; tensors are copied to `device`."""
    for key, value in state.items():
        loaded, present = _decode(value, device), getattr(owner, key, None)
        if isinstance(present, dict):  # a defaultdict stays one
            present.clear()
            present.update(loaded)
        else:
            setattr(owner, key, loaded)


def tensors(state: Any) -> Iterator[torch.Tensor]:
    """All tensors of a state."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list):
        for one in state.values() if isinstance(state, dict) else state:
            yield from tensors(one)


def _encode(value: Any, *, where: str) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, ParamData):
        return {"kind": "param", "name": value.name, "data": value.data}
    if isinstance(value, dict):
        items = [[_encode(key, where=where), _encode(one, where=where)] for key, one in value.items()]
        return {"kind": "dict", "items": items}
    for kind, cls in _SEQUENCES.items():
        if isinstance(value, cls):
            return {"kind": kind, "items": [_encode(one, where=where) for one in value]}
    raise RunError(
        f"avalanche: {where} is a {type(value).__name__}, which clbench cannot save; it takes plugins whose "
        "attributes are tensors, ParamData, numbers, texts and collections of these"
    )


def _decode(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device, copy=True)
    if not isinstance(value, dict):
        return value
    if value["kind"] == "param":
        return ParamData(value["name"], init_tensor=value["data"].to(device, copy=True), device=device)
    if value["kind"] == "dict":
        return {_decode(key, device): _decode(one, device) for key, one in value["items"]}
    return _SEQUENCES[value["kind"]](_decode(one, device) for one in value["items"])
