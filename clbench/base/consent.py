"""What runs only where somebody has said so: code that comes with a task file."""

from __future__ import annotations

import os

TASK_CODE = "CLBENCH_ALLOW_TASK_CODE"
"""Environment variable that lets task files run their own Python, as the option `--allow-task-code` does."""


def allow_task_code() -> None:
    """For the rest of this process, and for those it starts."""
    os.environ[TASK_CODE] = "1"


def task_code_allowed() -> bool:
    """Whether task files may run their own Python."""
    return os.environ.get(TASK_CODE) == "1"
