"""What a user asks for, as the fields of one class: a command's options, a call from Python, and its words written out.

`clbench run` and `clbench.run`, `clbench forget` and `clbench.forget` are made from the fields of such a class each, so
that an option added there is in all of them, and is checked and explained in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, TypeVar, get_args

from pydantic import ValidationError

from clbench.base.errors import OptionError, did_you_mean
from clbench.spec.frozen import Frozen

One = TypeVar("One")
Call = TypeVar("Call", bound=Callable[..., Any])
Sections: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Option:
    """How the command line has a field.

    Args:
        help: what it is.
        kind: of one value; `sections` are written `NAME.key=value`. None: it is of use in Python alone.
        many: whether it may be repeated.
        flag: what it is called; else `--` and the field's name.
        variable: of the environment, which gives the value where nobody else does.
    """

    help: str
    kind: type[str] | type[int] | type[float] | type[bool] | type[Path] | Literal["sections"] | None
    many: bool = False
    flag: str = ""
    variable: str | None = None


class Wording(Frozen):
    """The base of what a command asks for; each field's `Option` says what it is."""

    @classmethod
    def of(cls, **given: Any) -> Self:
        """What a user gave, checked.

        Raises:
            OptionError: an option that there is not, or a value that it does not take.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            item = error.errors()[0]
            name = str(item["loc"][0])
            if item["type"] == "extra_forbidden":
                raise OptionError(f"no option {name!r}{did_you_mean(name, cls.model_fields)}") from error
            raise OptionError(f"{flag(cls, name)}: {item['msg'].removeprefix('Value error, ')}") from error

    def words(self) -> Iterator[str]:
        """The options of the command that asks for the same, of what was given and is not the default."""
        for name, option in options(type(self)).items():
            if option.kind is not None and name in self.model_fields_set:
                yield from _words(getattr(self, name), option, flag(type(self), name))


def several(value: Any) -> Any:
    """One value or several, as several."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def many(value: One | Sequence[One]) -> tuple[One, ...]:
    """A field that takes one value or several, as it is kept."""
    assert isinstance(value, tuple)
    return value


def options(wording: type[Wording]) -> dict[str, Option]:
    """What there is to say of each field, by its name."""
    fields = wording.model_fields.items()
    found = {name: [one for one in field.metadata if isinstance(one, Option)] for name, field in fields}
    return {name: one for name, (one,) in found.items()}


def flag(wording: type[Wording], name: str) -> str:
    """What a field is called on the command line."""
    return options(wording)[name].flag or f"--{name.replace('_', '-')}"


def assignments(sections: Sections) -> list[str]:
    """`{"mofo": {"fraction": 0.1}}` as `["mofo.fraction=0.1"]`."""
    import json

    return [
        f"{section}.{key}={value if isinstance(value, str) else json.dumps(value)}"
        for section, values in sections.items()
        for key, value in values.items()
    ]


def _words(value: Any, option: Option, name: str) -> Iterator[str]:
    if option.kind is bool:
        yield from (name,) if value else ()
    elif option.kind == "sections":
        yield from (word for text in assignments(value) for word in (name, text))
    elif value is not None:
        yield from (word for one in (value if option.many else (value,)) for word in (name, str(one)))


def documented(call: Call, *, like: Callable[..., Any], wording: type[Wording]) -> Call:
    """A function that takes a wording's fields, with the name, text and signature that it has for people.

    Args:
        call: takes the fields, perhaps after parameters of its own.
        like: the function behind it, whose first parameter is the wording; `OPTIONS` in its docstring stands for them.
        wording: the class.
    """
    named = {wording.model_fields[name].alias or name: option for name, option in options(wording).items()}
    said = "\n".join(f"        {name}: {option.help}" for name, option in named.items())
    call.__name__, call.__qualname__, call.__module__ = like.__name__, like.__qualname__, like.__module__
    call.__doc__ = (like.__doc__ or "").replace("        OPTIONS", said)
    wording.model_rebuild()  # a model that is built when it is needed has no signature before
    own, result = inspect.signature(like, eval_str=True), inspect.signature(like).return_annotation
    fields = inspect.signature(wording, eval_str=True).parameters.values()
    parameters = [*list(own.parameters.values())[1:], *(one.replace(annotation=_plain(one)) for one in fields)]
    call.__signature__ = inspect.Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
    return call


def _plain(parameter: inspect.Parameter) -> Any:
    """An annotation without what is said of it for the command line."""
    annotated = hasattr(parameter.annotation, "__metadata__")
    return get_args(parameter.annotation)[0] if annotated else parameter.annotation
