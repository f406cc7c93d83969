"""Whether a finished run is what its record says: every file it leaves is checked against every other.

A number or a prediction that was changed afterwards does not fit the rest. Who changes all files together, hashes
included, cannot be found out from the files alone: compare with the record that the board holds, or run it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clbench.base.errors import ClbenchError, RecordError
from clbench.base.hashing import digest
from clbench.boards.consistency import contradictions
from clbench.boards.rescore import rescore
from clbench.data.sources import data_hash, load_stream_data
from clbench.plugins.registry import Registry
from clbench.runs.predictions import file_hashes
from clbench.runs.record import Record, read_record
from clbench.runs.rundir import RunDir
from clbench.scoring.programs import ProgramsOffError
from clbench.spec.stream import resolve
from clbench.spec.task import Task


@dataclass(frozen=True, slots=True)
class Check:
    """One property of a run.

    Args:
        name: what was compared.
        outcome: `ok`, `wrong`, or `not checked` where what it needs is not on this machine.
        detail: what is wrong, or missing.
    """

    name: str
    outcome: Literal["ok", "wrong", "not checked"]
    detail: str = ""


def verify(run_dir: RunDir, *, registry: Registry, leaderboards: Path, data_dir: Path | None = None) -> list[Check]:
    """Check a finished run.

    Args:
        run_dir: of the run.
        registry: with scorers and streams.
        leaderboards: folder that holds the board's copy of the record.
        data_dir: folder of local data files, for streams that read such.

    Raises:
        RecordError: the run is not finished.
    """
    if not run_dir.record_path.is_file():
        raise RecordError(f"run {run_dir.run_id} is not finished; run the same command again first")
    return list(_checks(run_dir, registry, leaderboards, data_dir))


def _checks(run_dir: RunDir, registry: Registry, leaderboards: Path, data_dir: Path | None) -> Iterator[Check]:
    try:
        record = read_record(run_dir.record_path)
    except RecordError as error:
        yield Check("record", "wrong", str(error))
        return
    yield Check("record", "ok")
    steps: dict[str, Callable[[], str]] = {
        "consistency": lambda: "; ".join(contradictions(record)),
        "predictions": lambda: _predictions(run_dir, record),
        "scores": lambda: _scores(run_dir, record, registry),
        "matrix.json": lambda: _matrix(run_dir, record),
        "configuration": lambda: _configuration(run_dir, record),
        "data": lambda: _data(record, registry, data_dir),
        "board's copy": lambda: _copy(record, leaderboards),
    }
    for name, step in steps.items():
        try:
            wrong = step()
            yield Check(name, "wrong" if wrong else "ok", wrong)
        except (_AbsentError, ProgramsOffError) as error:
            yield Check(name, "not checked", str(error))
        except (ClbenchError, OSError, KeyError, TypeError, ValueError) as error:
            yield Check(name, "wrong", " ".join(str(error).split()) or type(error).__name__)


class _AbsentError(Exception):
    """What a check needs is not here."""


def _predictions(run_dir: RunDir, record: Record) -> str:
    found = file_hashes(run_dir.path)
    changed = sorted(name for name in {*found, *record.predictions} if found.get(name) != record.predictions.get(name))
    return f"{len(changed)} files are not those of the run, such as {changed[0]}" if changed else ""


def _scores(run_dir: RunDir, record: Record, registry: Registry) -> str:
    changed = rescore(run_dir, scorer=registry.scorer).changed
    return f"{changed} cells of R are not what the predictions give" if changed else ""


def _matrix(run_dir: RunDir, record: Record) -> str:
    stated = json.loads((run_dir.path / "matrix.json").read_text(encoding="utf-8"))
    own = json.loads(json.dumps(record.matrix(record.board.protocol["scorer"]).to_json()))
    return "" if stated == own else "is not the record's R"


def _configuration(run_dir: RunDir, record: Record) -> str:
    config = run_dir.state()["config"]
    tasks = {name: Task.model_validate(value).identity() for name, value in config["tasks"].items()}
    facts = {
        "run": record.run == run_dir.run_id,
        "tasks": digest({name: tasks[name] for name in sorted(record.tasks)}) == record.board.tasks,
        "board": config["board"]["name"] == record.board.name,
        "method": config["method"] == record.method.model_dump(mode="json"),
        "model": config["model"] == record.board.model,
        "seed": config["seed"] == record.seed,
    }
    wrong = [name for name, right in facts.items() if not right]
    return f"{', '.join(wrong)}: run.json and the record differ" if wrong else ""


def _data(record: Record, registry: Registry, data_dir: Path | None) -> str:
    board = record.board
    changes = {"stream": {"train_examples": board.train_examples, "test_examples": board.test_examples}}
    if "stream.shuffle" in board.changes:
        changes["stream"]["shuffle"] = board.changes["stream.shuffle"]
    try:
        loaded = registry.catalog().stream(board.stream)
        plan = resolve(
            loaded.stream,
            tasks=loaded.tasks,
            base_dir=data_dir or loaded.base_dir,
            variant=board.variant,
            changes=changes,
        )
        found = data_hash(load_stream_data(plan, plugins=registry.plugins))
    except ClbenchError as error:
        raise _AbsentError(str(error)) from error
    return "" if found == board.data else "the stream's records are not those that the run was trained and scored on"


def _copy(record: Record, leaderboards: Path) -> str:
    path = record.path(leaderboards)
    if not path.is_file():
        raise _AbsentError(f"{path} is not there")
    return "" if read_record(path) == record else f"{path} differs from the run's own record"
