"""Whether a finished run is what its record says: every file it leaves is checked against every other.

A number or a prediction that was changed afterwards does not fit the rest. Who changes all files together, hashes
included, cannot be found out from the files alone: compare with the record that the board holds, or run it again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from clbench.base.errors import ClbenchError, RecordError
from clbench.base.hashing import digest
from clbench.boards.consistency import contradictions
from clbench.boards.probechange import probe_changes
from clbench.boards.rescore import Rescored, rescore
from clbench.data.sources import data_hash
from clbench.runs.boardcopy.compact import compacted
from clbench.runs.predictions import file_hashes, read
from clbench.runs.record import Record, read_record
from clbench.runs.recordparts import Change, Fold, Part
from clbench.runs.rundir import RunDir
from clbench.scoring.programs import ProgramsOffError
from clbench.spec.task import Task
from clbench.verification.origins import AbsentError, Origins

Outcome = Literal["ok", "wrong", "not checked"]
Steps = Mapping[str, Callable[[], str]]
"""Checks by name: what is wrong, or the empty string; AbsentError where something that is needed is not here."""

SLACK_SECONDS, SLACK = 2.0, 0.02  # by which a run's clock and its log may differ: what happens between two events
_DURING = ("step", "note", "rehearsed")  # events that end nothing
_COUNTED = ("empty", "truncated", "tied")


@dataclass(frozen=True, slots=True)
class Check:
    """One property of a run.

    Args:
        name: what was compared.
        outcome: `ok`, `wrong`, or `not checked` where what it needs is not on this machine.
        detail: what is wrong, or missing.
    """

    name: str
    outcome: Outcome
    detail: str = ""


def verify(run_dir: RunDir, *, origins: Origins, leaderboards: Path) -> list[Check]:
    """Check a finished run's files against each other, and against what it was made from.

    Args:
        run_dir: of the run.
        origins: of its record.
        leaderboards: folder that holds the board's copy of the record.
    """
    return list(checks(_Files(run_dir, origins, leaderboards).steps()))


def finished(run_dir: RunDir) -> Record:
    """The record of a run's folder.

    Raises:
        RecordError: the run is not finished, or its record is none.
    """
    if not run_dir.record_path.is_file():
        raise RecordError(f"run {run_dir.run_id} is not finished; run the same command again first")
    return read_record(run_dir.record_path)


def checks(steps: Steps) -> Iterator[Check]:
    """How each step ends."""
    for name, step in steps.items():
        try:
            wrong = step()
            yield Check(name, "wrong" if wrong else "ok", wrong)
        except (AbsentError, ProgramsOffError) as error:
            yield Check(name, "not checked", str(error))
        except (ClbenchError, OSError, KeyError, TypeError, ValueError) as error:
            yield Check(name, "wrong", " ".join(str(error).split()) or type(error).__name__)


class _Files:
    """The checks of one run."""

    def __init__(self, run_dir: RunDir, origins: Origins, leaderboards: Path) -> None:
        self.run_dir, self.origins, self.leaderboards = run_dir, origins, leaderboards
        self.record = origins.record

    def steps(self) -> Steps:
        return {
            "consistency": lambda: "; ".join(contradictions(self.record)),
            "predictions": self._predictions,
            "scores": self._scores,
            "warnings": self._warnings,
            "matrix.json": self._matrix,
            "configuration": self._configuration,
            "probes' changes": self._changes_of_probes,
            "seconds": self._seconds,
            "provenance": self._provenance,
            "changes": self._changes,
            "data": self._data,
            "board's copy": self._copy,
        }

    @cached_property
    def again(self) -> Rescored:
        return rescore(self.run_dir, scorer=self.origins.scorer)

    def _predictions(self) -> str:
        found, stated = file_hashes(self.run_dir.path), self.record.predictions
        if self.record.folded:
            same = bool(found) and Fold.of(found) == self.record.folded
            return "" if same else "the files are not those of the run"
        changed = sorted(name for name in {*found, *stated} if found.get(name) != stated.get(name))
        return f"{len(changed)} files are not those of the run, such as {changed[0]}" if changed else ""

    def _scores(self) -> str:
        changed = self.again.changed
        return f"{changed} cells of R are not what the predictions give" if changed else ""

    def _warnings(self) -> str:
        """What the predictions give again is as often there; what a run said of itself besides cannot be known."""
        kinds = tuple(f": {kind} answers in evaluation" for kind in _COUNTED)
        stated = {text: number for text, number in self.record.warnings.items() if text.endswith(kinds)}
        if stated != self.again.warnings:
            return "numbers of empty, truncated or tied answers are not what the predictions give"
        if others := len(self.record.warnings) - len(stated):
            raise AbsentError(f"{others} of them tell of the run itself")
        return ""

    def _matrix(self) -> str:
        stated = json.loads((self.run_dir.path / "matrix.json").read_text(encoding="utf-8"))
        own = json.loads(json.dumps(self.record.matrix(self.record.board.protocol["scorer"]).to_json()))
        return "" if stated == own else "is not the record's R"

    def _configuration(self) -> str:
        config, record = self.run_dir.state()["config"], self.record
        tasks = {name: Task.model_validate(value).identity() for name, value in config["tasks"].items()}
        facts = {
            "run": record.run == self.run_dir.run_id,
            "tasks": digest({name: tasks[name] for name in sorted(record.tasks)}) == record.board.tasks,
            "board": config["board"].get("name") == record.board.name and _same(config["board"], record.board, "name"),
            "method": _same(config["method"], record.method),
            "model": config["model"] == record.board.model,
            "seed": config["seed"] == record.seed,
        }
        wrong = [name for name, right in facts.items() if not right]
        return f"{', '.join(wrong)}: run.json and the record differ" if wrong else ""

    def _changes_of_probes(self) -> str:
        tasks = self.run_dir.state()["config"]["tasks"]
        found = probe_changes(
            self.record.probes,
            {name: Task.model_validate(tasks[name]) for name in self.record.probes},
            folder=self.run_dir.path,
            role=self.record.board.protocol["scorer"],
            scorer=self.origins.scorer,
        )
        stated = self.record.probe_changes
        wrong = sorted(name for name in {*found, *stated} if not _alike(found.get(name), stated.get(name)))
        return f"{', '.join(wrong)}: not what rows and predictions give" if wrong else ""

    def _seconds(self) -> str:
        """No more time than the run's own log has between its events."""
        known = logged(self.run_dir.path / "events.jsonl")
        costs = self.record.costs
        for name, seconds in {"train": costs.train_seconds, "eval": costs.eval_seconds}.items():
            if seconds > known[name] * (1 + SLACK) + SLACK_SECONDS:
                return f"{name}_seconds is {seconds:.1f}; events.jsonl has {known[name]:.1f} s"
            if not known["resumed"] and seconds < known[name] * (1 - SLACK) - SLACK_SECONDS:
                return f"{name}_seconds is {seconds:.1f}; events.jsonl has {known[name]:.1f} s"
        return ""

    def _provenance(self) -> str:
        stated = self.run_dir.state().get("provenance")
        if stated is None:
            raise AbsentError("run.json says nothing of it")
        return "" if stated == self.record.provenance else "run.json and the record differ"

    def _changes(self) -> str:
        """The board's words for people: what `--set` changed is what the protocol differs in."""
        plan, board = self.origins.plan, self.record.board
        if plan.identity()["protocol"] != board.protocol:
            return "the protocol is not the stream's with the changes that the record names"
        return "" if dict(plan.changes) == board.changes else "the record names other changes than there are"

    def _data(self) -> str:
        """The stream's records are those of the run, and every prompt and answer is one of them, in their order."""
        if data_hash(self.origins.data) != self.record.board.data:
            return "the stream's records are not those that the run was trained and scored on"
        for one in self.origins.data:
            asked = [(example.prompt, example.answer) for example in one.test]
            for path in sorted(self.run_dir.path.glob(f"predictions/*/{one.task.slug}.jsonl")):
                if [(said.prompt, said.answer) for said in read(path)] != asked:
                    name = path.relative_to(self.run_dir.path)
                    return f"{name}: prompts and answers are not the stream's test records"
        return ""

    def _copy(self) -> str:
        path = self.record.path(self.leaderboards)
        if not path.is_file():
            raise AbsentError(f"{path} is not there")
        kept = (self.record, compacted(self.record))
        return "" if read_record(path) in kept else f"{path} differs from the run's own record"


def _alike(one: Change | None, other: Change | None) -> bool:
    if one is None or other is None or (one.error is None) != (other.error is None):
        return False
    near = {"rel_tol": 1e-6, "abs_tol": 1e-9}
    return math.isclose(one.value, other.value, **near) and math.isclose(one.error or 0, other.error or 0, **near)


def logged(path: Path) -> dict[str, float]:
    """Seconds of training and of evaluation between a log's events, and how often the run was taken up.

    Raises:
        AbsentError: there is no log.
    """
    if not path.is_file():
        raise AbsentError("events.jsonl is not there")
    found, began, kind = {"train": 0.0, "eval": 0.0, "resumed": 0.0}, 0.0, ""
    begins = {"training": "train", "measuring": "eval"}
    for line in path.read_text(encoding="utf-8").splitlines():
        event: dict[str, Any] = json.loads(line)
        name, now = event["event"], event["time"]
        if kind and name not in ("start", "resumed"):  # before those nobody ran
            found[kind] += now - began
        found["resumed"] += name == "resumed"
        kind, began = begins.get(name, kind if name in _DURING else ""), now
    return found


def _same(stated: Mapping[str, Any], part: Part, *without: str) -> bool:
    """Whether `run.json` says of a part what the record says; what came later than that file has its default there."""
    try:
        return type(part).model_validate({key: value for key, value in stated.items() if key not in without}) == part
    except ValidationError:
        return False
