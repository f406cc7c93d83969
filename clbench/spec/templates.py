"""Jinja templates over a record's columns, sandboxed: they run no code, reach no files and pad nothing to any width.

They are texts with `{{ … }}`, `{% if … %}` and `{% for … %}`. What stands in them is worked out from the record alone,
so that the same record always gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from clbench.base import patterns
from clbench.base.errors import DataError

MAX_ROUNDS = 100_000  # of all loops of a template together: loops in loops write nothing and never end
MAX_CHARACTERS = 2_000_000  # the longest prompt of a known benchmark has 163,532
PADDING = frozenset(["center", "expandtabs", "format", "format_map", "ljust", "rjust", "to_bytes", "zfill"])
"""Methods that make any width of nothing."""
LEFT_OUT = frozenset(["attr", "batch", "center", "format", "indent", "pprint", "random", "slice", "wordwrap"])
"""Filters that do so, that reach methods by name, or that are not the same each time."""


@lru_cache(maxsize=1024)
def check(text: str) -> None:
    """Whether a text is a template.

    Raises:
        ValueError: what is wrong with it.
    """
    if "{" not in text:
        return  # without the library, which takes its time to import
    import jinja2
    from jinja2 import nodes

    try:
        statements = _environment().parse(text).find_all(nodes.Stmt)
        _template(text, native=False)  # finds filters that there are not
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"is no template: {error.message}") from error
    for one in statements:
        if not isinstance(one, (nodes.Output, nodes.If, nodes.For)):
            kind = type(one).__name__.lower()
            raise ValueError(f"is no template: only if and for may stand in {{% … %}}, got {kind}")


def check_expression(text: str) -> None:
    """Whether a text is a template that is one expression.

    Raises:
        ValueError: it is not.
    """
    from jinja2 import nodes

    check(text)
    match _environment().parse(text.strip()).body:
        case [nodes.Output(nodes=[one])] if not isinstance(one, nodes.TemplateData):
            return
    raise ValueError("must be one expression, {{ … }}, with nothing around it")


@lru_cache(maxsize=256)
def variables(*texts: str) -> frozenset[str]:
    """Columns that templates use."""
    import jinja2.meta

    found = (jinja2.meta.find_undeclared_variables(_environment().parse(text)) for text in texts)
    return frozenset().union(*found) - set(_environment().globals)


def render(text: str, columns: Mapping[str, Any], *, where: str) -> str:
    """A template's text.

    Raises:
        DataError: it fails, or becomes too long; with where it stands.
    """
    return _made(text, columns, where=where, native=False)


def value(text: str, columns: Mapping[str, Any], *, where: str) -> Any:
    """The value of a template that is one expression (see `check_expression`), such as a list.

    Raises:
        DataError: it fails; with where it stands.
    """
    return _made(text, columns, where=where, native=True)


def _made(text: str, columns: Mapping[str, Any], *, where: str, native: bool) -> Any:
    try:
        template = _template(text.strip() if native else text, native=native)
        given = {**columns, _ROUND: _Rounds()}
        return template.render(given) if native else _joined(template.generate(given))
    except Exception as error:  # a template can fail in as many ways as Python can
        raise DataError(f"{where} cannot be made: {' '.join(str(error).split())[:200]}") from error


def _joined(pieces: Iterable[str]) -> str:
    """What a template writes; stopped as soon as it is too long."""
    kept, length = [], 0
    for piece in pieces:
        kept.append(piece)
        length += len(piece)
        if length > MAX_CHARACTERS:
            raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
    return "".join(kept)


_ROUND = "__round"


class _Rounds:
    """Called in every round of every loop of one text; writes nothing."""

    def __init__(self) -> None:
        self.left = MAX_ROUNDS

    def __call__(self) -> str:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"its loops have more than {MAX_ROUNDS:,} rounds")
        return ""


@lru_cache(maxsize=256)
def _template(text: str, *, native: bool) -> Any:
    from jinja2 import nodes

    environment = _environment(native=native)
    parsed = environment.parse(text)
    for loop in parsed.find_all(nodes.For):
        called = nodes.Call(nodes.Name(_ROUND, "load"), [], [], None, None)
        loop.body.insert(0, nodes.Output([called]))
    parsed.set_environment(environment)
    return environment.from_string(parsed)


@lru_cache
def _environment(*, native: bool = False) -> Any:
    import jinja2
    from jinja2.nativetypes import NativeEnvironment
    from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["*", "**", "%"])

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            raise SecurityError(f"{operator!r} is not allowed in a template")

        def getattr(self, obj: Any, attribute: str) -> Any:
            return super().getattr(_unpadded(obj, attribute), attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            return super().getitem(_unpadded(obj, argument), argument)

    class Native(Sandbox, NativeEnvironment):
        """An expression's value stays what it is."""

    environment = (Native if native else Sandbox)(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=_given,
        autoescape=False,  # a text for a model, not for a browser
    )
    environment.globals = {"range": environment.globals["range"]}  # the sandbox's, of 100,000 at most
    environment.filters = {name: one for name, one in environment.filters.items() if name not in LEFT_OUT}
    environment.filters["split_by"] = lambda text, pattern: patterns.split(pattern, str(text))
    environment.filters["replace_by"] = lambda text, pattern, new="": patterns.replace(pattern, new, str(text))
    return environment


def _unpadded(value: Any, name: object) -> Any:
    if isinstance(value, (str, int)) and name in PADDING:
        raise ValueError(f"{name} is not allowed in a template")
    return value


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("a column that it uses is null")
    return value
