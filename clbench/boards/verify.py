"""Whether a finished run is what its record says: every file it leaves is checked against every other.

A number or a prediction that was changed afterwards does not fit the rest. Who changes all files together, hashes
included, cannot be found out from the files alone: compare with the record that the board holds, or run it again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clbench.base.errors import ClbenchError, RecordError
from clbench.base.hashing import digest
from clbench.boards.consistency import contradictions
from clbench.boards.rescore import rescore
from clbench.data.sources import data_hash, load_stream_data
from clbench.plugins.registry import Registry
from clbench.runs.predictions import file_hashes, read
from clbench.runs.record import Record, read_record
from clbench.runs.rundir import RunDir
from clbench.scoring.programs import ProgramsOffError
from clbench.spec.stream import StreamPlan, resolve
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
        "probes": lambda: _probes(record),
        "provenance": lambda: _provenance(run_dir, record),
        "changes": lambda: _changes(record, registry, data_dir),
        "data": lambda: _data(run_dir, record, registry, data_dir),
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


def _plan(record: Record, registry: Registry, data_dir: Path | None) -> StreamPlan:
    """The stream as the record's board says it ran."""
    board = record.board
    changes: dict[str, dict[str, Any]] = {}
    for key, value in board.changes.items():
        section, _, name = key.partition(".")
        changes.setdefault(section, {})[name] = value
    sizes = {"train_examples": board.train_examples, "test_examples": board.test_examples}
    try:
        loaded = registry.catalog().stream(board.stream)
        return resolve(
            loaded.stream,
            tasks=loaded.tasks,
            base_dir=data_dir or loaded.base_dir,
            variant=board.variant,
            changes={**changes, "stream": {**changes.get("stream", {}), **sizes}},
        )
    except ClbenchError as error:
        raise _AbsentError(str(error)) from error


def _changes(record: Record, registry: Registry, data_dir: Path | None) -> str:
    """The board's words for people: what `--set` changed is what the protocol differs in."""
    plan = _plan(record, registry, data_dir)
    if plan.version != record.board.stream_version:
        raise _AbsentError(f"stream {plan.name} is of version {plan.version} here")
    same = plan.identity()["protocol"] == record.board.protocol
    return "" if same else "the protocol is not the stream's with the changes that the record names"


def _data(run_dir: RunDir, record: Record, registry: Registry, data_dir: Path | None) -> str:
    """The stream's records are those of the run, and every prompt and answer is one of them, in their order."""
    plan = _plan(record, registry, data_dir)
    try:
        data = load_stream_data(plan, plugins=registry.plugins)
    except ClbenchError as error:
        raise _AbsentError(str(error)) from error
    if data_hash(data) != record.board.data:
        return "the stream's records are not those that the run was trained and scored on"
    for one in data:
        asked = [(example.prompt, example.answer) for example in one.test]
        for path in sorted(run_dir.path.glob(f"predictions/*/{one.task.slug}.jsonl")):
            if [(said.prompt, said.answer) for said in read(path)] != asked:
                return f"{path.relative_to(run_dir.path)}: prompts and answers are not the stream's test records"
    return ""


def _probes(record: Record) -> str:
    """Each change is the difference of the rows that the record has; that of all together is their mean."""
    rows = {name: cells for name, cells in record.probes.items() if name in record.probe_changes}
    known = {name: (cells[0], cells[-1]) for name, cells in rows.items()}
    wrong = [
        name
        for name, (first, last) in known.items()
        if first is None
        or last is None
        or not math.isclose(record.probe_changes[name].value, last - first, abs_tol=1e-9)
    ]
    return f"{', '.join(wrong)}: the change is not the last row minus the first" if wrong else ""


def _provenance(run_dir: RunDir, record: Record) -> str:
    stated = run_dir.state().get("provenance")
    if stated is None:
        raise _AbsentError("run.json says nothing of it")
    return "" if stated == record.provenance else "run.json and the record differ"


def _copy(record: Record, leaderboards: Path) -> str:
    path = record.path(leaderboards)
    if not path.is_file():
        raise _AbsentError(f"{path} is not there")
    return "" if read_record(path) == record else f"{path} differs from the run's own record"
