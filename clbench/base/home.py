"""Where clbench keeps things: `$CLBENCH_HOME`, if set, holds all of it.

Without it, runs and boards go to the present folder; data, models, answers, rows and hashes to the user's own.
"""

from __future__ import annotations

import os
from pathlib import Path


def _home() -> Path | None:
    value = os.environ.get("CLBENCH_HOME", "")
    return Path(value).expanduser() if value else None


def data_dir() -> Path:
    """Folder of registered archives."""
    return _kept() / "data"


def models_dir() -> Path:
    """Folder of models that `clbench model add` keeps."""
    return _kept() / "models"


def answers_dir() -> Path:
    """Folder of models' answers to probes, by content."""
    return _kept() / "answers"


def rows_dir() -> Path:
    """Folder of base models' rows of R, by content."""
    return _kept() / "rows"


def hashes_dir() -> Path:
    """Folder of hashes of large files, by path."""
    return _kept() / "hashes"


def _kept() -> Path:
    """Folder of what serves every project of the user."""
    if home := _home():
        return home
    from platformdirs import user_data_path

    return user_data_path("clbench")


def runs_dir() -> Path:
    """Folder of run directories."""
    return (_home() or Path()) / "runs"


def leaderboards_dir() -> Path:
    """Folder of boards and their records."""
    return (_home() or Path()) / "leaderboards"


def packaged(folder: str) -> Path:
    """A folder of ours that is data: in the wheel below the package, in a checkout beside it."""
    package = Path(__file__).parent.parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def is_file(path: str | Path) -> bool:
    """Whether a name that a user gave is a file; what cannot be a name is none."""
    return os.path.isfile(path)  # noqa: PTH113 (pathlib raises where a name is too long)


def is_dir(path: str | Path) -> bool:
    """Whether a name that a user gave is a folder."""
    return os.path.isdir(path)  # noqa: PTH112
