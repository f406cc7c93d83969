"""Which code computed a result: hashes of sources, since a version string stays when an installed package is edited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

from clbench.base.hashing import digest, file_digest


def code_hashes(modules: Mapping[str, str]) -> dict[str, str]:
    """One hash over all Python files of each package.

    Args:
        modules: distribution to its top-level module; what cannot be found is left out.
    """
    found = {package: _files(module) for package, module in sorted(modules.items())}
    return {package: digest(files) for package, files in found.items() if files}


def _files(module: str) -> dict[str, str]:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return {}
    if spec is None:
        return {}
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    paths = {path.relative_to(folder).as_posix(): path for folder in folders for path in folder.rglob("*.py")}
    if not folders and spec.origin:
        paths = {Path(spec.origin).name: Path(spec.origin)}
    return {name: file_digest(path) for name, path in sorted(paths.items()) if path.is_file()}


def requirements(packages: Iterable[str]) -> set[str]:
    """What those packages need besides clbench, extras left out: `peft` for `clbench-peft`."""
    found = set()
    for package in packages:
        try:
            lines = requires(package) or []
        except PackageNotFoundError:
            continue
        found |= {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line}
    return {name for name in found if not name.lower().startswith("clbench")}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Packages whose code is another one than it was; what one side does not know is not compared.

    Args:
        before: hashes, or their beginnings as compact records have them.
        now: hashes.
    """
    return sorted(name for name in before.keys() & now.keys() if not now[name].startswith(before[name]))
