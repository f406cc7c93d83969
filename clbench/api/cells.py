"""A method that is a class in memory: what a package would say of it, told from the class."""

from __future__ import annotations

import contextlib
import linecache
import re
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from clbench.api.classtext import class_text
from clbench.base.errors import PluginError
from clbench.base.hashing import digest
from clbench.methods.method import Method
from clbench.methods.methodspec import UNPACKAGED, Capability, MethodSpec
from clbench.plugins.manager import PluginRecord
from clbench.plugins.registry import Registry

_SHOWN_BY: dict[str, Capability] = {
    "prepare_model": "changes_model",
    "make_optimizer": "owns_optimizer",
    "after_backward": "edits_gradients",
    "extra_loss": "adds_loss",
    "training_data": "edits_data",
    "batch_data": "edits_data",
    "rehearsal_data": "edits_data",
}
"""A method that has the one of its own does the other."""


@dataclass(frozen=True, slots=True)
class ClassSpec(MethodSpec):
    """A method whose class is here.

    Args:
        method: the class.
        module: the text of the module that it would be.
    """

    method: type[Method] = Method
    module: str = ""

    @property
    def text(self) -> str:
        """Of the module that the class would be."""
        return self.module

    def load(self) -> type[Method]:
        """The class."""
        return self.method


def class_spec(method: type[Method]) -> ClassSpec:
    """What is known of a class before it acts: its name, and what it touches.

    Raises:
        PluginError: it has no name that a method can have, or its source cannot be had.
    """
    name = method_name(method)
    summary = next(iter((method.__doc__ or "").strip().splitlines()), "") if method.__doc__ != Method.__doc__ else ""
    return ClassSpec(
        name=name,
        target=f"{method.__module__}:{method.__qualname__}",
        summary=summary or f"the class {method.__name__}",
        capabilities=frozenset(
            capability for hook, capability in _SHOWN_BY.items() if getattr(method, hook) is not getattr(Method, hook)
        ),
        method=method,
        module=class_text(method),
    )


@contextlib.contextmanager
def own_module(spec: ClassSpec) -> Iterator[ClassSpec]:
    """The same class from its text, in a module of its own as in a package, without the notebook around it."""
    name = f"clbench_class_{spec.name.replace('-', '_')}"
    module = types.ModuleType(name)
    file = f"<{name}>"
    linecache.cache[file] = (len(spec.text), None, spec.text.splitlines(keepends=True), file)
    sys.modules[name] = module
    try:
        exec(compile(spec.text, file, "exec"), vars(module))  # noqa: S102 (the caller's own class)
        cls: type[Method] = getattr(module, spec.method.__name__)
        yield replace(spec, method=cls, target=f"{name}:{cls.__name__}")
    finally:
        sys.modules.pop(name, None)
        linecache.cache.pop(file, None)


def method_name(method: type[Method]) -> str:
    """`MyAnchor` as `my-anchor`.

    Raises:
        PluginError: nothing that a method can be called is left.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+", "-", method.__name__.strip("_"))
    name = words.lower().strip("-")
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise PluginError(
            f"class {method.__name__!r}: has no name that a method can have; call it by letters and digits, as MyMethod"
        )
    return name


def installed_name(method: type[Method], registry: Registry) -> str | None:
    """What the class is called where a package brings it."""
    target = f"{method.__module__}:{method.__qualname__}"
    return next((name for name, one in registry.methods.entries.items() if one.spec.target == target), None)


def add_classes(registry: Registry, specs: Iterable[ClassSpec]) -> None:
    """Let a registry know methods that no package brings.

    Raises:
        PluginError: a package has the name, or two classes have.
    """
    for spec in specs:
        if spec.name in registry.methods.entries:
            owner = registry.methods.entries[spec.name].plugin
            if owner.package == UNPACKAGED and owner.version == digest(spec.text)[:12]:
                continue
            raise PluginError(
                f"class {spec.method.__name__}: the method name {spec.name!r} is taken by {owner.package} "
                f"{owner.version}; rename the class"
            )
        record = PluginRecord(f"class {spec.name}", UNPACKAGED, digest(spec.text)[:12], spec.target)
        registry.methods.add(spec, registry.plugins.add(record))
