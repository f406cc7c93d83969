"""`clbench.export_method`: a class in memory as a package that others can install."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clbench import __version__
from clbench.api.cells import ClassSpec, class_spec
from clbench.base import atomic
from clbench.base.errors import FileError
from clbench.methods.method import Method

PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "clbench-{name}"
version = "0.1.0"
description = "{summary}"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["clbench>={version}"]

[project.entry-points."clbench.plugins"]
{name} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""
_INIT = '''\
"""{summary}."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    """The one method of this package."""
    yield MethodSpec(
        name="{name}",
        target="{package}.method:{cls}",
        summary={quoted},
        capabilities=frozenset({capabilities}),
    )
'''
_README = """\
# clbench-{name}

{summary}. A method of clbench:

    pip install -e .
    clbench check {name}
    clbench run --stream trace --plugin sequential --plugin {name}
"""
TEST = '''\
"""What must hold for every method: docs/conformance.md of clbench."""

from clbench.testing import conformance

test_conformance = conformance("{name}")
'''


def export_method(method: type[Method], folder: str | Path) -> Path:
    """Write a class of a notebook or script as a package: `pip install -e FOLDER`, then `clbench check NAME`.

    The class's text is taken along with all that it uses from where it was defined. What it touches
    (`MethodSpec.capabilities`) is told from the hooks that it has; look it over.

    Args:
        method: a subclass of `clbench.Method`.
        folder: new or empty.

    Returns:
        The folder.

    Raises:
        ClbenchError: the class cannot be a package, or the folder is in use.
    """
    root = Path(folder)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileError(f"{root}: is not empty; give a new folder")
    for name, text in _files(class_spec(method)).items():
        atomic.write_text(root / name, text)
    return root


def _set(names: Iterable[str]) -> str:
    """A set as it is written."""
    shown = ", ".join(f'"{name}"' for name in sorted(names))
    return f"{{{shown}}}" if shown else "()"


def _files(spec: ClassSpec) -> dict[str, str]:
    """The package's files by their paths."""
    summary = spec.summary.rstrip(".").replace("\\", "").replace('"', "'")
    package = f"clbench_{spec.name.replace('-', '_')}"
    words = {
        "name": spec.name,
        "package": package,
        "cls": spec.method.__name__,
        "summary": summary,
        "quoted": f'"{summary}"',
        "capabilities": _set(spec.capabilities),
        "version": __version__,
    }
    return {
        "pyproject.toml": PROJECT.format(**words),
        "README.md": _README.format(**words),
        f"src/{package}/__init__.py": _INIT.format(**words),
        f"src/{package}/method.py": f'"""{summary}."""\n\n{spec.text}',
        f"src/{package}/py.typed": "",
        "tests/test_conformance.py": TEST.format(**words),
    }
