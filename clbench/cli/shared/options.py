"""A command's options from the fields of a `Wording`: what `--help` says, and what a user's words mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin

from typer import Option as _Option

from clbench.spec.wording import Option, Wording, flag, options


def with_fields(wording: type[Wording], command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the fields of a wording besides its own parameters, and gets them as `given`."""
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "given"]

    def run(**values: Any) -> None:
        command(given=given(wording, values), **{one.name: values[one.name] for one in own})

    fields = [_parameter(wording, name, one) for name, one in options(wording).items() if one.kind is not None]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    parameters = sorted([*fields, *own], key=lambda one: one.kind)  # arguments before options
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {}
    return run


def given(wording: type[Wording], values: Mapping[str, Any]) -> dict[str, Any]:
    """What of the fields the user has said."""
    kinds = {name: option.kind for name, option in options(wording).items()}
    said = {
        name: value
        for name, value in values.items()
        if name in kinds and value not in (None, []) and value is not False
    }
    return {
        name: _sections(flag(wording, name), value) if kinds[name] == "sections" else value
        for name, value in said.items()
    }


def _sections(name: str, texts: list[str]) -> dict[str, dict[str, Any]]:
    from clbench.engine.words import parse_assignments

    return parse_assignments(texts, option=name)


def _parameter(wording: type[Wording], name: str, option: Option) -> inspect.Parameter:
    """A field as typer reads it; one of a few words has these as its choices."""
    words = wording.model_fields[name].annotation
    kind: Any = str if option.kind == "sections" else option.kind
    if get_origin(words) is Literal:
        kind = StrEnum(name, [(word.replace("-", "_"), word) for word in get_args(words)])
    kind = list[kind] if option.many or option.kind == "sections" else kind
    default = False if kind is bool else None
    annotation = Annotated[
        kind if kind is bool else kind | None, _Option(flag(wording, name), help=option.help, envvar=option.variable)
    ]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
