"""Tensors in parts: torch's DTensor, cut along the first dimension, a part in each process (`fully_shard`).

What acts entry by entry acts on a DTensor as on any tensor. What looks at a tensor as a whole, such as a selection,
works on `local` and adds up over the processes by `summed`; a measurement is made on `whole` weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch


def is_part(tensor: torch.Tensor) -> bool:
    """Whether this process holds a part of it."""
    return hasattr(tensor, "device_mesh")


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part, a view of it; all of a tensor that is whole."""
    return cast("Any", tensor).to_local() if is_part(tensor) else tensor


def full(tensor: torch.Tensor) -> torch.Tensor:
    """All of it, in every process; what all processes ask for at once."""
    return cast("Any", tensor).full_tensor() if is_part(tensor) else tensor


def summed(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A number of each part, in place the sum over those of a tensor; as it is where that is whole."""
    if is_part(like):
        import torch

        torch.distributed.all_reduce(value, group=cast("Any", like).device_mesh.get_group())
    return value


def cut(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A tensor that every process has all of, in parts as another one is."""
    if is_part(value) or not is_part(like):
        return value
    from torch.distributed.tensor import distribute_tensor

    where = cast("Any", like)
    return distribute_tensor(value.to(where.to_local().device), where.device_mesh, where.placements, src_data_rank=None)


def spread(state: Any, params: Mapping[Any, torch.Tensor]) -> Any:
    """A saved state whose tensors are all whole, as a run that has its parameters in parts takes it up.

    Args:
        state: nested; what stands under a parameter's name and has its shape is cut as it is.
        params: by name.
    """
    if isinstance(state, Mapping):
        return {
            key: cut(one, params[key]) if _is_of(one, params.get(key)) else spread(one, params)
            for key, one in state.items()
        }
    return type(state)(spread(one, params) for one in state) if isinstance(state, list | tuple) else state


def _is_of(value: Any, p: torch.Tensor | None) -> bool:
    return p is not None and getattr(value, "shape", None) == p.shape


@contextlib.contextmanager
def whole(model: Any) -> Iterator[None]:
    """Within, each process has all of a model's weights, for as many forward passes of its own as it likes."""
    if not any(map(is_part, model.parameters())):
        yield
        return
    from torch.distributed.fsdp import FSDPModule

    model.set_reshard_after_forward(False)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.unshard()
    try:
        yield
    finally:
        model.reset_iter_state()  # puts the weights apart, and forgets passes, whose number differs between processes
        model.set_reshard_after_forward(True)
        model.set_reshard_after_forward(False, recurse=False)  # its backward pass would ask for them at once
