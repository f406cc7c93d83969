"""Runs as a user names them, for commands that show several together."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import RecordError

if TYPE_CHECKING:
    from clbench.report import Subject


def load(names: Sequence[str], *, runs_dir: Path, answers: bool = False) -> list[tuple[Subject, Path]]:
    """Each run once, with the folder where a report on it alone belongs; that of a record among boards' is here.

    Args:
        names: ids or their beginnings, patterns with `*`, run directories, record files.
        runs_dir: where run directories are.
        answers: whether lost answers are looked for, for which predictions are scored again.

    Raises:
        RecordError: there is no such run, or it cannot be read.
    """
    found: dict[str, tuple[Subject, Path]] = {}
    for name in names:
        for subject, folder in _matching(name, runs_dir) if "*" in name else [_one(name, runs_dir)]:
            found.setdefault(subject.run, (subject, folder))
    return [(_with_answers(*one) if answers else one[0], one[1]) for one in found.values()]


def _with_answers(subject: Subject, folder: Path) -> Subject:
    from clbench.plugins.registry import registry
    from clbench.report import with_lost_answers
    from clbench.runs.rundir import RunDir

    if not (folder / "predictions").is_dir():
        return subject
    return with_lost_answers(subject, RunDir(folder), scorer=registry().scorer)


def _matching(pattern: str, runs_dir: Path) -> list[tuple[Subject, Path]]:
    """Runs by a pattern."""
    from clbench.report import of_run_dir
    from clbench.runs.rundir import list_runs

    named = [run for run in list_runs(runs_dir) if fnmatchcase(run.run_id, pattern)]
    if not named:
        raise RecordError(f"no run in {runs_dir} is named like {pattern!r}; `clbench ls runs` lists them")
    return [(of_run_dir(run), run.path) for run in named]


def _one(name: str, runs_dir: Path) -> tuple[Subject, Path]:
    from clbench.report import of_record, of_run_dir
    from clbench.runs.record import read_record
    from clbench.runs.rundir import RunDir, find_run

    if name.endswith(".json"):
        folder = Path(name).parent
        if (folder / "run.json").is_file():
            return of_run_dir(RunDir(folder)), folder
        return of_record(read_record(Path(name))), Path()
    run_dir = find_run(name, runs_dir=runs_dir)
    return of_run_dir(run_dir), run_dir.path
