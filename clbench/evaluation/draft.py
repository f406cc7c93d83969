"""Answers of an evaluation that is still going on, batch by batch, so that an interrupted one need not begin again.

One JSON line a batch, appended to a file beside the finished predictions; a line that a crash cut off is left out.
Drafts go when a checkpoint or the end of a run makes them useless.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base import atomic
from clbench.runs.rundir import RunDir

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers


class Draft:
    """The answers to one task's prompts so far.

    Args:
        path: of the finished predictions.
        writable: off in all processes of a run but the first, and nothing is kept where there are several.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path, self.writable = path.with_suffix(".part"), writable
        self.written: set[int] = set()

    def read(self, size: int) -> Answers:
        """What was answered before an interruption.

        Args:
            size: number of prompts; answers to others are no answers to these.
        """
        from clbench.evaluation.evaluator import Answer

        known: Answers = {}
        lines = self.path.read_bytes().split(b"\n") if self.path.is_file() else []
        for line in lines[:-1]:  # the last one is empty, or was cut off
            try:
                known |= {int(i): Answer(str(text), bool(cut), int(n)) for i, text, cut, n in json.loads(line)}
            except (ValueError, TypeError):
                return {}
        self.written = set(known)
        if self.writable and lines and lines[-1]:
            self.path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        return known if all(0 <= index < size for index in known) else {}

    def add(self, answers: Answers) -> None:
        """Append a batch."""
        if not self.writable or self.written.issuperset(answers):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([[index, *answer] for index, answer in answers.items()]) + "\n")


def drop_drafts(folder: Path, *, before: int) -> None:
    """Remove the drafts of rows that a checkpoint has left behind.

    Args:
        folder: of the run.
        before: the row that comes next.
    """
    for path in folder.glob("predictions/*/*.part"):
        if int(path.parent.name) < before:
            path.unlink(missing_ok=True)


def drop_rows(folder: Path, *, after: int) -> None:
    """Remove what was measured after a checkpoint that the run goes back to."""
    for path in folder.glob("predictions/*/*"):
        if int(path.parent.name) > after:
            path.unlink(missing_ok=True)


def is_tidy(run_dir: RunDir, *, keep_checkpoints: bool) -> bool:
    """Whether nothing is left that only an unfinished run needs."""
    return not (_parts(run_dir) or (run_dir.checkpoints.is_dir() and not keep_checkpoints))


def tidy(run_dir: RunDir, *, keep_checkpoints: bool) -> None:
    """Remove what only an unfinished run needs."""
    if not run_dir.writable:
        return
    for path in _parts(run_dir):
        path.unlink(missing_ok=True)
    atomic.drop_temporary(run_dir.path)
    if not keep_checkpoints:
        run_dir.drop_checkpoints()


def _parts(run_dir: RunDir) -> list[Path]:
    return sorted(run_dir.path.glob("predictions/*/*.part"))
