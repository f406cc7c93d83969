"""What can be reached from some objects: the texts that they hold, in whatever form, and the data that they hold on to.

A method has no other way to keep an example than to hold it, so this is how the kit finds what a method keeps.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import types
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from clbench.data.example import TrainingData
from clbench.testing import world

LIMIT = 1_000_000  # objects; a method that holds more is looked through only so far
_LEAVES = (types.ModuleType, types.CodeType, types.FrameType, types.BuiltinFunctionType, logging.Logger, int, float)
_TOKENS = 5  # as many integers as a number with its letter has characters are worth reading as text


@dataclass(slots=True)
class Found:
    """What a search came upon.

    Args:
        markers: numbers of examples: see `world`.
        data: closed or open training data.
        tensors: bytes of tensors' storages, by their addresses.
    """

    markers: set[str] = field(default_factory=set)
    data: list[TrainingData] = field(default_factory=list)
    tensors: dict[int, int] = field(default_factory=dict)


def search(roots: Iterable[Any], *, packages: Collection[str]) -> Found:
    """Follow every reference from some objects.

    Args:
        roots: where to begin.
        packages: classes and module globals of these top-level packages belong to what is searched.
    """
    found = Found()
    queue = [*roots, *_globals(packages)]
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is used again
    while queue and len(seen) < LIMIT:
        one = queue.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if type(one) is TrainingData:
            found.data.append(one)
        found.markers |= world.markers(_texts(one))
        found.tensors |= _storage(one)
        queue.extend(_next(one, packages))
    return found


def _globals(packages: Collection[str]) -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages:
            yield from vars(module).values()


def _texts(one: Any) -> Iterator[str]:
    """An object as text, where it may hold some itself."""
    if isinstance(one, str):
        yield one
    elif isinstance(one, bytes | bytearray):
        yield one.decode("ascii", errors="replace")
    elif isinstance(one, list | tuple) and len(one) >= _TOKENS and all(type(item) is int for item in one):
        yield world.decode(one)
    elif _is_array(one):
        yield from _numbers(one)


def _storage(one: Any) -> dict[int, int]:
    """Where a tensor's numbers are, and how many bytes."""
    import torch

    if not issubclass(type(one), torch.Tensor) or one.device.type == "meta":
        return {}
    storage = one.untyped_storage()
    return {storage.data_ptr(): storage.nbytes()}


def _is_array(one: Any) -> bool:
    """By its type: asking an object for an attribute may import half of a library."""
    import numpy as np
    import torch

    return issubclass(type(one), torch.Tensor | np.ndarray)


def _numbers(one: Any) -> Iterator[str]:
    """A tensor or array of integers, row by row."""
    if "int" in str(one.dtype) and one.ndim and _TOKENS <= one.shape[-1] <= LIMIT:
        for row in one.reshape(-1, one.shape[-1]).tolist():
            yield world.decode(row)


def _next(one: Any, packages: Collection[str]) -> list[Any]:
    if issubclass(type(one), _LEAVES) or _is_ours(one):
        return []
    if isinstance(one, type):
        return list(vars(one).values()) if one.__module__.partition(".")[0] in packages else []
    if isinstance(one, types.FunctionType):
        return [one.__closure__, one.__defaults__, one.__kwdefaults__, one.__dict__]
    if issubclass(type(one), dict):
        return [*dict.keys(one), *dict.values(one)]  # the collector knows nothing of keys that are texts
    return [*gc.get_referents(one), *_attribute_names(one)]


def _attribute_names(one: Any) -> list[str]:
    """Of an object that has a dictionary: they may be any text. Past `__getattribute__`, which may do anything."""
    with contextlib.suppress(AttributeError):  # a type of C may have one that it does not show, as a future of asyncio
        return list(object.__getattribute__(one, "__dict__")) if type(one).__dictoffset__ else []
    return []


def _is_ours(one: Any) -> bool:
    return type(one).__module__.startswith("clbench.testing")
