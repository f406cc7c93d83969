"""A run directory `runs/<run-id>/`: everything that a run leaves, readable while it is still going on.

run.json        the resolved configuration, provenance and status
events.jsonl    what happened when, appended
predictions/    one file for each cell of R
checkpoints/    the last two, until the run is finished
model/          what was trained, where it was asked for: at the end, or a folder a task
matrix.json     R so far, as `clbench metrics` reads it
record.json     the finished run's record
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.base import atomic, home
from clbench.base.errors import BusyError, RecordError, did_you_mean
from clbench.metrics.matrix import ResultMatrix
from clbench.runs import secrets
from clbench.runs.record import Record, read_record


@dataclass(frozen=True, slots=True)
class RunDir:
    """One run's folder.

    Args:
        path: the folder.
        writable: off in all processes of a run but the first.
        published: where the run's record is on its board, where that is known.
        by_record: whether the record there is enough for the run to be finished, without a folder: so it is of what a
            plan's file lists. What a command asks for by itself is trained.
    """

    path: Path
    writable: bool = True
    published: Path | None = None
    by_record: bool = False

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def record_path(self) -> Path:
        """The finished record."""
        return self.path / "record.json"

    def state(self) -> dict[str, Any]:
        """Content of `run.json`; empty before the run has begun."""
        path = self.path / "run.json"
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RecordError(f"{path}: cannot be read ({error}); the same command goes on or begins again") from error
        if not isinstance(found, dict):
            raise RecordError(f"{path}: is no JSON object; the same command goes on or begins again")
        return found

    def is_readable(self) -> bool:
        """Whether `run.json` is there and whole."""
        try:
            return bool(self.state())
        except RecordError:
            return False

    def write_state(self, **changes: Any) -> None:
        """Update `run.json`; a damaged one is replaced."""
        if self.writable:
            before = self.state() if self.is_readable() else {}
            atomic.write_json(self.path / "run.json", {**before, **secrets.scrub(changes)})

    def clear(self) -> None:
        """Begin anew: an empty folder, but for the lock that this process may hold."""
        if not self.writable:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in atomic.LOCK_FILES:
                path.unlink()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    def drop_checkpoints(self) -> None:
        """A finished run needs none."""
        if self.writable:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def lock(self) -> AbstractContextManager[None]:
        """One process at a time in this run.

        Raises:
            BusyError: another one is at it.
        """
        return atomic.lock(self.path, seconds=0, doing=f"at run {self.run_id}")

    def is_held(self) -> bool:
        """Whether a process is at the run."""
        if not self.path.is_dir():
            return False
        try:
            with self.lock():
                return False
        except BusyError:
            return True

    def save_record(self, record: Record) -> None:
        """Write `record.json`."""
        if self.writable:
            record.save(self.record_path)

    def event(self, kind: str, **values: Any) -> None:
        """Append a line to `events.jsonl`."""
        if not self.writable:
            return
        content = {"time": round(time.time(), 3), "event": kind, **secrets.scrub(values)}
        line = json.dumps(content, ensure_ascii=False)
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_matrix(self, matrix: ResultMatrix) -> None:
        """Update `matrix.json`."""
        if self.writable:
            atomic.write_json(self.path / "matrix.json", matrix.to_json())

    def found(self) -> Path | None:
        """Where the finished run's record is: in its folder; or on its board, if that is enough."""
        if self.record_path.is_file():
            return self.record_path
        elsewhere = self.published if self.by_record and not (self.path / "run.json").is_file() else None
        return elsewhere if elsewhere and elsewhere.is_file() else None

    def finished(self) -> Record | None:
        """The record, when the run is over."""
        path = self.found()
        return read_record(path) if path else None


def find_run(name: str, *, runs_dir: Path) -> RunDir:
    """The run that a user means: a path, a run-id, or the beginning of one.

    Raises:
        RecordError: none or several.
    """
    for path in (Path(name), runs_dir / name):
        if home.is_file(path / "run.json"):
            return RunDir(path)
    known = list_runs(runs_dir)
    matches = [run for run in known if run.run_id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RecordError(
            f"{name!r} is the beginning of {len(matches)} runs: {', '.join(run.run_id for run in matches[:4])}"
        )
    raise RecordError(f"no run {name!r} in {runs_dir}{did_you_mean(name, [run.run_id for run in known])}")


def list_runs(runs_dir: Path) -> list[RunDir]:
    """All runs, by name."""
    return [RunDir(path.parent) for path in sorted(runs_dir.glob("*/run.json"))]
