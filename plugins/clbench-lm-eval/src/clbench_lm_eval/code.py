"""Task files of lm-eval that run code when they are read or asked: they do so only where somebody has allowed it.

lm-eval imports what `!function` names when it reads the file, and fills its templates in without a sandbox, where names
with two underscores reach all of Python. lm-eval's own tasks are trusted as the package is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from clbench.base.consent import TASK_CODE, task_code_allowed
from clbench.base.errors import FileError, OptionError
from clbench_lm_eval.names import Asked

_CODE = re.compile(r"!function\b|!!python|\{[{%][^}]*__")
_INCLUDE = re.compile(r"^\s*include\s*:\s*['\"]?([^'\"#\n]+)", re.MULTILINE)


def refuse(asked: Asked, files: Iterable[Path]) -> None:
    """Stop before one of the user's files is read that runs code.

    Args:
        asked: as the user wrote it.
        files: YAML files that lm-eval will read.

    Raises:
        OptionError: one does, and nobody has allowed it.
        FileError: one cannot be read.
    """
    if task_code_allowed():
        return
    for path in _with_included(files):
        if _CODE.search(_text(path, asked)):
            raise OptionError(
                f"{asked.option}: {path.name} runs Python of its own (!function, or a template that reaches for it), "
                f"in no sandbox: --allow-task-code (or {TASK_CODE}=1) allows it"
            )


def _with_included(files: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    queue = [path.resolve() for path in files]
    while queue:
        path = queue.pop()
        if path in found or not path.is_file():
            continue
        found[path] = None
        text = path.read_text(encoding="utf-8", errors="replace")
        queue += [(path.parent / name.strip()).resolve() for name in _INCLUDE.findall(text)]
    return list(found)


def _text(path: Path, asked: Asked) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileError(f"{asked.option}: {path} cannot be read ({error.strerror})") from error
