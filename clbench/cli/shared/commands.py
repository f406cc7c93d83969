"""Commands that are imported when somebody names one, as all of them take longer than most of them run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer


class Commands(MutableMapping[str, Any]):
    """Click's commands by name.

    Args:
        modules: of each, whose `register` adds it to an app.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found |= commands_of(import_module(self._modules[name]).register)
        return self._found[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._modules, *self._found)))

    def __len__(self) -> int:
        return len({*self._modules, *self._found})


def commands_of(register: Any) -> dict[str, Any]:
    """What a function adds to an app, by name."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    register(app)
    if not (app.registered_commands or app.registered_groups):
        return {}
    app.callback()(lambda: None)  # so that one command makes a group, too
    return dict(getattr(typer.main.get_command(app), "commands", {}))
