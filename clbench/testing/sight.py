"""What is noted of a method during a run."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.data.example import Example, TrainingData
from clbench.methods.method import Footprint, Method, Run
from clbench.runs.functions import replaced
from clbench.runs.predictions import Prediction
from clbench.testing import audit, leftovers, reach, world

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Sight:
    """What was noted during a run.

    Args:
        watch: files and frames; None where only the result of the run matters.
        double: whether the model computes in fp64.
        packages: the method's top-level packages.
        canary: a secret of the environment, to be found nowhere.
        faults: by property, what the method did.
        drops: whether dropout was at work.
        added: parameters that `prepare_model` added.
        footprints: after each experience.
        batches: prompts of each step's own batch.
        asked: whether the evaluator is at work, who may show the model anything.
        steps: optimizer steps made within hooks.
        before: trained parameters before the first step.
        weights: trained parameters after the last.
    """

    packages: Collection[str]
    canary: str
    watch: audit.Watch | None = None
    double: bool = False
    faults: dict[str, list[str]] = field(default_factory=dict)
    drops: bool = False
    added: int = 0
    footprints: list[Footprint] = field(default_factory=list)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    asked: bool = False
    hook: str = ""
    steps: int = 0
    before: dict[str, torch.Tensor] = field(default_factory=dict)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    past: list[TrainingData] = field(default_factory=list)

    def note(self, prop: str, what: str) -> None:
        """Remember a fault, once."""
        known = self.faults.setdefault(prop, [])
        if what not in known:
            known.append(what)

    @contextlib.contextmanager
    def inside(self, hook: str, run: Run | None = None) -> Iterator[None]:
        """While a hook runs; with a run, global random generators must stay as they are."""
        before = _random_states() if run is not None else {}
        running, kept, self.hook = leftovers.running(), self.hook, hook
        try:
            with audit.listening(self.watch) if self.watch is not None else contextlib.nullcontext():
                yield
        finally:
            self.hook = kept
        for what in leftovers.since(running):
            self.note("leaves-nothing", f"{hook} leaves {what}")
        for what in replaced():
            self.note("functions", f"{hook}: {what}")
        if run is None:
            return
        for name, state in _random_states().items():
            if state != before[name]:
                self.note("randomness", f"{hook} moves {name}'s global generator")
        if self.canary in json.dumps([run.notes, run.warnings], default=str):
            self.note("no-secrets", f"{hook} puts an environment variable's secret into the record")

    def see(self, hook: str, examples: Sequence[Example], allowance: int) -> None:
        """What a hook wants trained: nothing but the present and what the method says that it keeps."""
        found = world.markers(one.prompt for one in examples)
        if any(map(world.is_test, found)):
            self.note("no-peeking", f"{hook} trains on test examples")
        if future := sum(not world.is_test(one) for one in found - self.shown):
            self.note("no-peeking", f"{hook} trains on {future} future examples")
        self.returned |= {one for one in found - self.present if not world.is_test(one)}
        if len(self.returned) > allowance:
            self.note("memory", f"{hook} trains on {len(self.returned)} examples of the past; it counts {allowance}")

    def try_to_score(self, run: Run) -> None:
        """Ask what answers to test records are worth, as the method could: nobody may be told."""
        for one in world.test_records():
            with contextlib.suppress(PermissionError):
                run.score(one.task, [Prediction(one.prompt, one.answer, one.answer)])
                self.note("asking", f"run.score tells what answers to test records of {one.task} are worth")

    def pass_by(self, rows: Iterable[Sequence[int]]) -> None:
        """Tokens come to the model, whoever brings them: nothing but the present and what was kept may."""
        if self.asked:
            return
        found, where = world.markers(world.decode(row) for row in rows), self.hook or "training"
        if any(map(world.is_test, found)):
            self.note("no-peeking", f"{where}: test examples pass through the model")
        if future := sum(not world.is_test(one) for one in found - self.shown):
            self.note("no-peeking", f"{where}: {future} future examples pass through the model")
        self.returned |= {one for one in found - self.present if not world.is_test(one)}

    def step_made(self) -> None:
        """An optimizer steps; within a hook nobody but the method makes it."""
        self.steps += bool(self.hook)

    def hidden_bytes(self, method: Method, run: Run) -> int:
        """Bytes of tensors that can be reached from the method and not from the run: copies that it keeps."""
        own, others = reach.search([method], packages=self.packages).tensors, reach.search([run], packages=()).tensors
        return sum(size for place, size in own.items() if place not in others)

    def try_to_read(self, *roots: Any) -> set[str]:
        """Look for what nobody may see, and give the numbers of all training examples that were found."""
        found = reach.search(roots, packages=self.packages)
        if tests := sum(map(world.is_test, found.markers)):
            self.note("no-peeking", f"{tests} test examples can be reached from the method")
        training = {one for one in found.markers if not world.is_test(one)}
        if training - self.shown:
            self.note("no-peeking", f"{len(training - self.shown)} future examples can be reached from the method")
        if any(is_closed(one) for one in found.data):
            self.note("no-peeking", "the method holds on to the training data of a finished experience")
        return training & self.shown


def is_closed(data: TrainingData) -> bool:
    """Whether nobody can read it any more."""
    try:
        len(data)
    except PermissionError:
        return True
    return False


def _random_states() -> dict[str, bytes]:
    import numpy as np
    import torch

    _, keys, position, *_ = np.random.get_state(legacy=True)
    return {
        "Python": repr(random.getstate()).encode(),
        "NumPy": np.asarray(keys).tobytes() + bytes(str(position), "ascii"),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
