"""What can be set: a method's options and the keys of `--set`, each with its default, its kind and what it means."""

from __future__ import annotations

import json
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from clbench.base.docstrings import arguments
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol, Runtime
from clbench.spec.stream import STREAM_KEYS, Variant

Row = dict[str, str]


def method_options(name: str) -> list[Row]:
    """The options of a method, or of each of a composition, by their `-o` names.

    Raises:
        ClbenchError: there is no such method, or it cannot be imported.
    """
    rows = []
    for entry in registry().composition(name).entries:
        rows += _rows(entry.spec.create(None).options, prefix=f"{entry.spec.name}.")
    return rows


def settings() -> list[Row]:
    """The keys of `--set`; defaults are those of a protocol that names none, and streams have their own."""
    stream = [
        row for row in _rows(Variant(source="files"), prefix="stream.") if row["name"].partition(".")[2] in STREAM_KEYS
    ]
    return [*stream, *_rows(Protocol(), prefix="protocol.", without=("name",)), *_rows(Runtime(), prefix="runtime.")]


def _rows(defaults: BaseModel, *, prefix: str, without: tuple[str, ...] = ()) -> list[Row]:
    model, said = type(defaults), {}
    for one in reversed(model.__mro__):
        said |= arguments(one.__doc__)
    return [
        {
            "name": f"{prefix}{name}",
            "default": _value(getattr(defaults, name)),
            "kind": _kind(field.annotation),
            "meaning": said.get(name, ""),
        }
        for name, field in model.model_fields.items()
        if name not in without
    ]


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)


def _kind(annotation: Any) -> str:
    """A type in a few words: no limits, no modules, and nothing about None, which is a default."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0])
    if origin is Literal:
        return " | ".join(map(str, args))
    if origin in (Union, UnionType):
        return " | ".join(_kind(one) for one in args if one is not type(None))
    if args:
        return f"{origin.__name__}[{', '.join('…' if one is Ellipsis else _kind(one) for one in args)}]"
    return getattr(annotation, "__name__", str(annotation))
