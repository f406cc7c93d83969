"""Drafts of answers (`clbench.evaluation.draft`) go when a checkpoint or the end of a run makes them useless."""

from __future__ import annotations

from pathlib import Path

from clbench.base import atomic
from clbench.runs.rundir import RunDir


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
