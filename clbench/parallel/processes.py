"""What several processes of one run agree on: what the first one did, values of all, whether any wants something.

All of it goes from host to host (gloo), so that nothing waits for a GPU. A process that is alone agrees with itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

Value = TypeVar("Value")


def launched() -> bool:
    """Whether a launcher has joined this process with others, be they none."""
    import torch

    return torch.distributed.is_available() and torch.distributed.is_initialized()


def first(action: Callable[[], Value]) -> Value:
    """What an action of the first process gives, in all of them.

    Raises:
        Exception: the action's own, in all of them.
    """
    if not launched():
        return action()
    import torch

    told: list[Any] = [None, None]
    if torch.distributed.get_rank() == 0:
        try:
            told[0] = action()
        except Exception as error:  # the others wait to hear of it
            told[1] = error
    torch.distributed.broadcast_object_list(told, src=0, group=group())
    if told[1] is not None:
        raise told[1]
    return told[0]


def gathered(value: Value) -> list[Value]:
    """Each process's value, in their order."""
    if not launched():
        return [value]
    import torch

    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, value, group=group())
    return found


def any_of(*flags: bool) -> tuple[bool, ...]:
    """Of each flag, whether it is set in any process."""
    if not launched():
        return flags
    import torch

    told = torch.tensor(flags, dtype=torch.uint8)
    torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX, group=group())
    return tuple(map(bool, told.tolist()))


@cache
def group() -> Any:
    """Of the hosts of all processes."""
    import torch

    return torch.distributed.new_group(backend="gloo")
