"""What of a record can be computed again from what it was made from: probes' data, overlap, steps, tokens, parameters.

Beside `verify`, which compares files. Without the base model's folder nothing here loads torch; with it the answers of
the untouched model, and where checkpoints were kept those of the last row, are generated again (`again`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.base.errors import ClbenchError
from clbench.data.probes import ProbeData, is_foreign, load_probe_data
from clbench.data.sources import TaskData
from clbench.evaluation.contamination import overlaps
from clbench.methods.episodes import num_steps
from clbench.runs.predictions import predictions_path, read
from clbench.runs.record import OverlapPart, Record
from clbench.runs.rundir import RunDir
from clbench.spec.stream import PlannedProbe, StreamPlan
from clbench.spec.task import Task
from clbench.tiny.world import probe_records
from clbench.verification.origins import AbsentError, Origins
from clbench.verification.verify import Steps

NEAR = 0.15  # by which passes may be counted otherwise: see `testing.conduct`
NO_MODEL = "--model FOLDER says where the base model is"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run's records are compared in: see `overlaps`."""

    plan: StreamPlan
    data: Sequence[TaskData]
    probes: Sequence[ProbeData]


@dataclass
class Rederived:
    """The checks of one run.

    Args:
        run_dir: of the run.
        origins: of its record.
        model: name or folder of the base model; None: nothing that needs it is looked at.
    """

    run_dir: RunDir
    origins: Origins
    model: str | None = None

    @property
    def record(self) -> Record:
        """The run's."""
        return self.origins.record

    def steps(self) -> Steps:
        """Check by check."""
        return {
            "probes": self._probes,
            "overlap": self._overlap,
            "steps": self._steps,
            "footprint": self._footprint,
            **{name: lambda name=name: self._weighed(name) for name in ("tokens", "losses", "drift", "answers")},
        }

    @cached_property
    def probes(self) -> list[ProbeData]:
        """The records of the run's probes.

        Raises:
            AbsentError: some are not here.
        """
        config = self.run_dir.state()["config"]
        planned = [
            PlannedProbe(Task.model_validate(config["tasks"][name]), about["examples"], about["schedule"])
            for name, about in config["probes"].items()
        ]
        if outside := [name for name, about in config["probes"].items() if about["source"] == "external"]:
            raise AbsentError(f"{', '.join(outside)}: another library's questions are known to it alone")
        plan = self.origins.plan
        try:
            return load_probe_data(_with(plan, planned), world=probe_records, data_dir=self.origins.data_dir)
        except ClbenchError as error:
            raise AbsentError(str(error)) from error

    def _probes(self) -> str:
        """What was asked is what there is here, and is part of the board's identity where it must be."""
        stated = self.run_dir.state()["config"]["probes"]
        if sorted(stated) != sorted(self.record.probes):
            return "run.json and the record name other probes"
        for one in self.probes:
            name = one.task.name
            identity = self.record.board.probes.get(name, None if is_foreign(one) else one.identity)
            if one.hash != stated[name]["data"] or identity != one.identity:
                return f"{name}: its records are not those that the run was asked"
            if not self._is_installed(one.task):
                return f"{name}: is not asked or scored as the installed probe is"
            asked = [(example.prompt, example.answer) for example in one.test]
            for row in range(len(self.record.tasks) + 1):
                path = predictions_path(self.run_dir.path, row=row, task=one.task)
                if path.is_file() and [(said.prompt, said.answer) for said in read(path)] != asked:
                    return f"{path.relative_to(self.run_dir.path)}: prompts and answers are not the probe's records"
        return ""

    def _is_installed(self, task: Task) -> bool:
        """A probe that is installed under a name is the one that was asked; others are identified by the board."""
        known = self.origins.registry.catalog().task_paths
        if task.name not in known:
            return True
        return self.origins.registry.catalog().task(task.name).identity() == task.identity()

    def _overlap(self) -> str:
        found = overlaps(Asked(self.origins.plan, self.origins.data, self.probes))
        again = {name: OverlapPart.model_validate(one) for name, one in found.items()}
        wrong = sorted(
            name for name in {*again, *self.record.overlap} if again.get(name) != self.record.overlap.get(name)
        )
        return f"{', '.join(wrong)}: not what the records share with the training data" if wrong else ""

    @property
    def is_own(self) -> bool:
        """Whether the method is clbench's: it trains on the stream's data alone, adds nothing, keeps nothing."""
        return set(self.record.method.packages) == {"clbench"}

    def _steps(self) -> str:
        plan, costs = self.origins.plan, self.record.costs
        expected = num_steps(
            [len(one.train) for one in self.origins.data],
            epochs=plan.epochs(),
            global_batch=plan.protocol.global_batch,
            regime=self.record.method.regime,
        )
        return self._compared("optimizer steps", costs.steps, expected)

    def _footprint(self) -> str:
        told = self.record.footprint
        kept = (told.extra_parameters, told.stored_examples, told.stored_bytes, told.extra_passes)
        if (told.counted_passes or 0.0) > told.extra_passes * (1 + NEAR) + NEAR:
            return f"{told.counted_passes:.2f} extra passes were counted; the method says {told.extra_passes:.2f}"
        if self.is_own:
            return "a method that adds and keeps nothing has a footprint" if any(kept) else ""
        raise AbsentError("what a method adds and keeps it says itself; `clbench check` looks for more")

    def _weighed(self, name: str) -> str:
        """What needs the base model."""
        if self.model is None:
            raise AbsentError(NO_MODEL)
        return getattr(self.again, name)()

    @cached_property
    def again(self) -> Any:
        """The base model, and the run's weights where they were kept."""
        from clbench.verification.again import Again

        return Again(self)

    def _compared(self, what: str, stated: int, expected: int) -> str:
        """A count that the stream's data alone give; methods that train on more are no fault, and not checked."""
        return compared(what, stated, expected, own=self.is_own)


def compared(what: str, stated: int, expected: int, *, own: bool) -> str:
    """A count that the stream's data alone give.

    Raises:
        AbsentError: it is another, as it may be where a method adds or leaves out training data.
    """
    if stated == expected:
        return ""
    told = f"{stated:,} {what}; the stream's data alone give {expected:,}"
    if own:
        return told
    raise AbsentError(told)


def _with(plan: StreamPlan, probes: Sequence[PlannedProbe]) -> StreamPlan:
    return dataclasses.replace(plan, probes=tuple(probes))


def base_model(name: str, *, hash_: str) -> Any:
    """The base model's reference, if it is the one of the record; its files are hashed anew.

    Raises:
        AbsentError: it is another, or there is none.
    """
    from clbench.models import hashes
    from clbench.models.naming import find_model

    try:
        with hashes.anew():
            found = find_model(name)
    except ClbenchError as error:
        raise AbsentError(str(error)) from error
    if found.hash != hash_:
        raise AbsentError(f"{Path(name).name}: is another model than the run's ({found.hash[:8]}, not {hash_[:8]})")
    return found
