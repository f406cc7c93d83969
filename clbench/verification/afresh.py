"""A finished run checked by a process of its own, into which its method was never loaded, before it comes onto a board.

What a method changed in the process that it ran in, such as a scorer, is not changed there. Only for methods of other
packages: clbench's own are part of what checks.
"""

from __future__ import annotations

import json
import subprocess
import sys

from clbench.base.errors import RunError
from clbench.runs.record import Record
from clbench.runs.rundir import RunDir

LATER = ("board's copy",)  # what is not there before the record is published


def check_afresh(run_dir: RunDir, record: Record) -> None:
    """Verify a run.

    Raises:
        RunError: its record does not fit its files; or the process gave no answer.
    """
    if set(record.method.packages) == {"clbench"}:
        return
    command = [sys.executable, "-m", "clbench", "show", str(run_dir.path.resolve()), "--verify", "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 (our own)
    try:
        found = json.loads(done.stdout)
        wrong = [f"{one['name']}: {one['detail']}" for one in found if one["outcome"] == "wrong"]
        wrong = [one for one in wrong if not one.startswith(LATER)]
    except (ValueError, KeyError, TypeError) as error:
        said = " ".join(done.stderr.split())[-200:]
        raise RunError(f"run {run_dir.run_id} could not be checked by another process: {said}") from error
    if wrong:
        raise RunError(
            f"run {run_dir.run_id} is on no board: a process without its method finds that its record does not fit "
            f"({'; '.join(wrong)})"
        )
