"""What stands after `lm-eval:`: a task's or group's name or its YAML file, and the metric that is wanted."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from clbench.base import home
from clbench.base.errors import FileError, OptionError
from clbench.base.hashing import digest

FOLDERS = "CLBENCH_LM_EVAL_TASKS"
LONGEST = 72  # characters of a probe's name after `lm-eval/`
_FORM = re.compile(r"(?:(?P<file>.+?\.ya?ml)|(?P<task>[^@]+))(?:@(?P<metric>[^,]+)(?:,(?P<filter>.+))?)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One probe as the user wrote it.

    Args:
        text: after `lm-eval:`.
        task: name of a task, group or tag, or the path of a YAML file.
        metric: empty when lm-eval's task is to decide.
        filter: of lm-eval, by which an answer is cut out of the text; likewise.
        is_file: whether the task is a file.
    """

    text: str
    task: str
    metric: str = ""
    filter: str = ""
    is_file: bool = False

    @property
    def option(self) -> str:
        """How messages begin."""
        return f"--probe lm-eval:{self.text}"


def parse(text: str) -> Asked:
    """`mmlu`, `arc_easy@acc_norm`, `gsm8k@exact_match,flexible-extract` or `path/to/task.yaml`.

    Raises:
        OptionError: no task, or an `@` without a metric.
        FileError: no such file.
    """
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise OptionError(f"--probe lm-eval:{text}: write TASK, TASK@METRIC or TASK@METRIC,FILTER")
    task = parts["file"] and str(Path(parts["file"]).expanduser().resolve())
    if task and not home.is_file(task):
        raise FileError(f"--probe lm-eval:{text}: there is no file {task}")
    return Asked(text, task or parts["task"], parts["metric"] or "", parts["filter"] or "", is_file=bool(task))


def own_folders() -> tuple[Path, ...]:
    """Folders of the user's own tasks, from the environment.

    Raises:
        FileError: one of them is none.
    """
    folders = tuple(Path(one).expanduser() for one in os.environ.get(FOLDERS, "").split(os.pathsep) if one)
    for folder in folders:
        if not folder.is_dir():
            raise FileError(f"{FOLDERS}: {folder} is no folder")
    return folders


def probe_name(task: str, asked: Asked) -> str:
    """A name for clbench: lower case, and with a mark of its own where letters were lost.

    Args:
        task: name in lm-eval.
        asked: a metric that the user chose is part of the name.
    """
    text = ".".join(filter(None, (task, asked.metric, asked.filter)))
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")
    if plain != text or len(plain) > LONGEST:
        plain = f"{plain[: LONGEST - 7]}-{digest(text)[:6]}".lstrip("-")
    return f"lm-eval/{plain}"
