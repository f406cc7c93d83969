"""What a caller gives in memory, under names: a request in words, and a registry that knows what they mean."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.api import cells, models, streams
from clbench.base.errors import OptionError
from clbench.engine.request import Request
from clbench.methods.method import Method
from clbench.plugins.manager import load_plugins
from clbench.plugins.registry import Registry
from clbench.plugins.registry import registry as shared
from clbench.spec.wording import many


@contextlib.contextmanager
def in_words(request: Request) -> Iterator[tuple[Request, Registry]]:
    """The same request without objects, while what they are saved to is there.

    Raises:
        ClbenchError: an object that is no method, model or stream that can be run.
    """
    objects = [one for one in many(request.plugin) if not isinstance(one, str)]
    in_memory = isinstance(request.model, tuple)
    if not (objects or in_memory) and (request.stream is None or isinstance(request.stream, str)):
        yield request, shared()
        return
    registry = Registry(load_plugins())
    with tempfile.TemporaryDirectory(prefix="clbench-") as name, contextlib.ExitStack() as stack:
        changes = _methods(request, registry)
        if not (request.stream is None or isinstance(request.stream, str | Path)):
            document = streams.document(request.stream, folder=Path(name))
            registry.documents[document.data["stream"]] = document
            changes["stream"] = document.data["stream"]
        if isinstance(request.model, tuple):
            changes["model"] = _model(request, Path(name), registry, stack)
        yield request.model_copy(update=changes), registry


def _methods(request: Request, registry: Registry) -> dict[str, Any]:
    """Names instead of classes and objects; an object's options under its name."""
    given = [(one, _class(one)) for one in many(request.plugin) if not isinstance(one, str)]
    new = {method for _, method in given if cells.installed_name(method, registry) is None}
    cells.add_classes(registry, [cells.class_spec(one) for one in dict.fromkeys(m for _, m in given if m in new)])
    names, options = [], {name: dict(values) for name, values in request.options.items()}
    for one in many(request.plugin):
        name = one if isinstance(one, str) else cells.installed_name(_class(one), registry)
        assert name is not None
        names.append(name)
        own = one.options.model_dump(mode="json", exclude_unset=True) if isinstance(one, Method) else {}
        if own and options.get(name, own) != own:
            raise OptionError(
                f"options={{{name!r}: …}}: the object given as plugin has its own; give them in one place"
            )
        if own:
            options[name] = own
    return {"plugin": tuple(names), "options": options} if given else {}


def _class(one: Method | type[Method]) -> type[Method]:
    return one if isinstance(one, type) else type(one)


def _model(request: Request, folder: Path, registry: Registry, stack: contextlib.ExitStack) -> str:
    """The folder that stands for a model in memory."""
    assert isinstance(request.model, tuple)
    model, tokenizer = request.model
    models.check_model(model, tokenizer)
    path = models.save_model(model, tokenizer, folder)
    if not request.copy_model:
        lent = models.Lent(path, model, tokenizer)
        registry.plugins.manager.register(lent, name="clbench.api")
        stack.enter_context(models.kept_settings(model))
    return str(path)
