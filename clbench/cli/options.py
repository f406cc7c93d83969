"""The options of `clbench run`, made from the fields of `Request`: what `--help` says, and what a user's words mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, get_args

from typer import Option as _Option

from clbench.engine.request import Option, flag, options
from clbench.spec.schedule import Schedule

ProbeSchedule = StrEnum("ProbeSchedule", [(name.replace("-", "_"), name) for name in get_args(Schedule)])
_CHOICES = {"probe_schedule": ProbeSchedule}


def with_request(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the fields of `Request` besides its own parameters, and gets them as `given`."""
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "given"]

    def run(**values: Any) -> None:
        command(given=given(values), **{one.name: values[one.name] for one in own})

    fields = [_parameter(name, option) for name, option in options().items() if option.kind is not None]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature([*fields, *own])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {}
    return run


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of the fields the user has said."""
    kinds = {name: option.kind for name, option in options().items()}
    said = {
        name: value
        for name, value in values.items()
        if name in kinds and value not in (None, []) and value is not False
    }
    return {name: _sections(name, value) if kinds[name] == "sections" else value for name, value in said.items()}


def _sections(name: str, texts: list[str]) -> dict[str, dict[str, Any]]:
    from clbench.engine.words import parse_assignments

    return parse_assignments(texts, option=flag(name))


def _parameter(name: str, option: Option) -> inspect.Parameter:
    """A field as typer reads it."""
    kind: Any = str if option.kind == "sections" else _CHOICES.get(name, option.kind)
    kind = list[kind] if option.many or option.kind == "sections" else kind
    default = False if kind is bool else None
    annotation = Annotated[
        kind if kind is bool else kind | None, _Option(flag(name), help=option.help, envvar=option.variable)
    ]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
