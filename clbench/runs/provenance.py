"""Where a result comes from: versions, machine and command. Environment variables never get in."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from clbench import __version__
from clbench.runs.sources import code_hashes, requirements

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "safetensors", "numpy", "rapidfuzz")


def collect(*, command: Sequence[str] = (), modules: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The day (UTC), versions and code, the machine's kind, the commit of a checkout, and the command.

    Args:
        command: that asked for the run.
        modules: of the plugins that take part: distribution to its top-level module.
    """
    modules = {"clbench": "clbench", **(modules or {})}
    packages = {*_PACKAGES, *modules, *requirements(modules)} - {"clbench"}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "clbench": __version__,
        "commit": _commit(Path(__file__).parent.parent.parent),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in sorted(packages)},
        "code": code_hashes(modules),
        "command": list(command),
    }


def identity(found: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for a run to go on exactly where it was interrupted."""
    code = {f"code of {package}": value for package, value in found["code"].items()}
    return {"packages": found["packages"], "python": found["python"], **code}


def taken_up(begun: Mapping[str, Any], *, arithmetic: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The provenance of a run that goes on, and what there is to say of it.

    Args:
        begun: of the run's beginning, as it was saved.
        arithmetic: what rounding depends on now (`clbench.models.device`).

    Returns:
        The beginning's, with each other arithmetic that the run went on with; and a line where it is another one.
    """
    before, others = begun["arithmetic"], begun.get("taken_up_with", [])
    if arithmetic == before:
        return begun, ""
    told = [", ".join(f"{key} {value}" for key, value in one.items()) for one in (before, arithmetic)]
    return {**begun, "taken_up_with": others if arithmetic in others else [*others, dict(arithmetic)]}, (
        f"begun with {told[0]}, taken up with {told[1]}: "
        "results may differ by rounding from those of a run that was never cut off"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit(folder: Path) -> str | None:
    """The checkout's commit, with `+changes` when files differ from it; None outside a checkout."""
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return head + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
