"""`clbench.check`: the conformance kit for a method of a package, or a class in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench.api import cells
from clbench.api.table import Table
from clbench.methods.method import Method
from clbench.plugins.manager import load_plugins
from clbench.plugins.registry import Registry
from clbench.plugins.registry import registry as shared
from clbench.testing import Outcome
from clbench.testing import check as look
from clbench.testing.properties import PROPERTIES

_OF_PACKAGES = "light"


class Checks(Table):
    """How each property of a method came out.

    Args:
        outcomes: of the kit.
    """

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        super().__init__([{"property": one.name, "": one.status, "why": one.reason or one.meaning} for one in outcomes])

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return all(one.status != "failed" for one in self.outcomes)


def check(
    method: str | type[Method], *, options: Mapping[str, Any] | None = None, identity: Mapping[str, Any] | None = None
) -> Checks:
    """Check a method on a small stream, as `clbench check` does: it resumes, repeats, reads nothing forbidden.

    Args:
        method: a name, `a+b`, or a class.
        options: for all runs: `{"mofo.fraction": 0.1}`; of a class `{"strength": 0.1}` too.
        identity: options with which it is plain fine-tuning.

    Raises:
        ClbenchError: there is no such method, or the options are wrong.
    """
    from clbench.api.unchanged import unchanged

    with unchanged():
        if isinstance(method, str):
            return Checks(look(method, options=options, identity=identity, registry=shared()))
        return Checks(_check_class(method, options, identity))


def _check_class(
    method: type[Method], options: Mapping[str, Any] | None, identity: Mapping[str, Any] | None
) -> list[Outcome]:
    """All but what only a package can have."""
    registry = Registry(load_plugins())
    if name := cells.installed_name(method, registry):
        return look(name, options=_named(name, options), identity=_named(name, identity), registry=registry)
    left = [one.name for one in PROPERTIES if one.name != _OF_PACKAGES]
    with cells.own_module(cells.class_spec(method)) as spec:
        cells.add_classes(registry, [spec])
        given = {"options": _named(spec.name, options), "identity": _named(spec.name, identity)}
        found = look(spec.name, **given, registry=registry, properties=left)
    (light,) = (one for one in PROPERTIES if one.name == _OF_PACKAGES)
    reason = "the class is in no package yet; clbench.export_method makes one of it"
    return [*found, Outcome(light.name, light.meaning, "skipped", reason)]


def _named(name: str, options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Options of one class under its name."""
    if options is None:
        return None
    return {key if "." in key else f"{name}.{key}": value for key, value in options.items()}
