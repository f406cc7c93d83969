"""A room that can be called: `clbench.runs` and `clbench.metrics` are rooms, and names of the library too."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A module that passes calls on."""

    def __call__(self, *args: Any, **given: Any) -> Any:
        """What the function of the library does."""
        module, _, name = self.__called__.partition(":")
        return getattr(import_module(module), name)(*args, **given)


def make_callable(module: str, target: str) -> None:
    """Let calls of a module be those of a function.

    Args:
        module: its name; it is being imported.
        target: `module:function`, imported when it is called.
    """
    found = sys.modules[module]
    found.__called__ = target  # type: ignore[attr-defined]
    found.__class__ = _Callable
