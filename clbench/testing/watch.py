"""A method that is watched: every hook goes to the real one, and what it does there is noted."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.data.example import Example, TrainingData
from clbench.method import Experience, Footprint, Method, Run
from clbench.registry import MethodChoice
from clbench.testing import audit, reach, world

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

SLACK = 8192  # bytes a method may keep uncounted: counters, the state of a generator


@dataclass(slots=True)
class Sight:
    """What was noted during a run.

    Args:
        watch: files and frames; None where only the result of the run matters.
        packages: the method's top-level packages.
        canary: a secret of the environment, to be found nowhere.
        faults: by property, what the method did.
        added: parameters that `prepare_model` added.
        footprints: after each experience.
        batches: prompts of each step's own batch.
        before: trained parameters before the first step.
        weights: trained parameters after the last.
    """

    packages: Collection[str]
    canary: str
    watch: audit.Watch | None = None
    faults: dict[str, list[str]] = field(default_factory=dict)
    added: int = 0
    footprints: list[Footprint] = field(default_factory=list)
    batches: list[tuple[str, ...]] = field(default_factory=list)
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
        with audit.listening(self.watch) if self.watch is not None else contextlib.nullcontext():
            yield
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
        self.returned |= {one for one in found - self.present if not world.is_test(one)}
        if len(self.returned) > allowance:
            self.note("memory", f"{hook} trains on {len(self.returned)} examples of the past; it counts {allowance}")

    def try_to_read(self, *roots: Any) -> set[str]:
        """Look for what nobody may see, and give the numbers of all training examples that were found."""
        found = reach.search(roots, packages=self.packages)
        if tests := sum(map(world.is_test, found.markers)):
            self.note("no-peeking", f"{tests} test examples can be reached from the method")
        training = {one for one in found.markers if not world.is_test(one)}
        if training - self.shown:
            self.note("no-peeking", f"{len(training - self.shown)} future examples can be reached from the method")
        if any(_closed(one) for one in found.data):
            self.note("no-peeking", "the method holds on to the training data of a finished experience")
        return training & self.shown


def _closed(data: TrainingData) -> bool:
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


class Watched(Method):
    """A method under watch."""

    def __init__(self, inner: Method, sight: Sight, *, stores: bool) -> None:
        super().__init__(inner.options)
        self.inner, self.sight, self.stores = inner, sight, stores
        if members := getattr(inner, "members", None):
            self.members = members

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Count what it adds."""
        before = _size(model)
        with self.sight.inside("prepare_model"):
            model = self.inner.prepare_model(model)
        self.sight.added = _size(model) - before
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """Remember where training begins."""
        if not run.step:
            self.sight.before = _copy(run.model)
        with self.sight.inside("make_optimizer"):
            return self.inner.make_optimizer(named_params, run)

    def before_experience(self, run: Run, experience: Experience) -> None:
        """An experience begins."""
        with self.sight.inside("before_experience", run):
            self.inner.before_experience(run, experience)

    def training_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """Try to read what the method could read."""
        sight = self.sight
        sight.present, sight.returned = world.markers(one.prompt for one in data), set()
        sight.shown |= sight.present
        assert isinstance(data, TrainingData)
        if any(not _closed(one) for one in sight.past):
            sight.note("no-peeking", "the training data of a finished experience can still be read")
        sight.past.append(data)
        with sight.inside("training_data", run):
            chosen = self.inner.training_data(run, experience, data)
        sight.see("training_data", chosen, self.inner.footprint().stored_examples)
        sight.try_to_read(self.inner, run, experience, data)
        return chosen

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """Remember the order of the data."""
        self.sight.batches.append(tuple(one.prompt for one in batch))
        with self.sight.inside("batch_data", run):
            chosen = self.inner.batch_data(run, batch)
        self.sight.see("batch_data", chosen, self.inner.footprint().stored_examples)
        return chosen

    def rehearsal_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """What is trained on once more."""
        with self.sight.inside("rehearsal_data", run):
            chosen = self.inner.rehearsal_data(run, experience, data)
        self.sight.see("rehearsal_data", chosen, self.inner.footprint().stored_examples)
        return chosen

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """A term of the loss."""
        with self.sight.inside("extra_loss", run):
            return self.inner.extra_loss(run, batch, output)

    def after_backward(self, run: Run) -> None:
        """Gradients."""
        with self.sight.inside("after_backward", run):
            self.inner.after_backward(run)

    def after_step(self, run: Run) -> None:
        """A step."""
        with self.sight.inside("after_step", run):
            self.inner.after_step(run)

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Remember where training has come to."""
        with self.sight.inside("after_experience", run):
            self.inner.after_experience(run, experience, data)
        self.sight.weights = _copy(run.model)

    @contextlib.contextmanager
    def evaluating(self, run: Run) -> Iterator[None]:
        """When the data of an experience are gone, look at what the method has kept of them."""
        if self.sight.shown:
            self._look(run)
        with contextlib.ExitStack() as stack:
            with self.sight.inside("evaluating", run):
                stack.enter_context(self.inner.evaluating(run))
            yield

    def _look(self, run: Run) -> None:
        sight, stated = self.sight, self.inner.footprint()
        sight.footprints.append(stated)
        kept = len(sight.try_to_read(self.inner, run))
        if kept > stated.stored_examples:
            sight.note("memory", f"{kept} training examples of the past are kept; it counts {stated.stored_examples}")
        if stated.stored_examples > len(sight.shown):
            sight.note("memory", f"it counts {stated.stored_examples} examples of {len(sight.shown)} that it has seen")
        if self.stores != (stated.stored_examples > 0):
            declared = "is" if self.stores else "is not"
            text = f"stores_examples {declared} declared, and it counts {stated.stored_examples} stored examples"
            sight.note("footprint", text)
        held = state_bytes(self.inner.state_dict())
        if held > 2 * stated.stored_bytes + SLACK:
            sight.note("footprint", f"its state holds {held} bytes; stored_bytes says {stated.stored_bytes}")
        if sight.added != stated.extra_parameters:
            text = f"prepare_model adds {sight.added} parameters; extra_parameters says {stated.extra_parameters}"
            sight.note("footprint", text)

    def state_dict(self) -> dict[str, Any]:
        """The method's own."""
        with self.sight.inside("state_dict"):
            state = self.inner.state_dict()
        if reason := state_fault(state):
            self.sight.note("state", reason)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The method's own."""
        self.inner.load_state_dict(state)

    def footprint(self) -> Footprint:
        """The method's own."""
        return self.inner.footprint()


@dataclass(frozen=True)
class WatchedChoice(MethodChoice):
    """One `--plugin` argument whose method is watched."""

    sight: Sight = field(kw_only=True)

    def create(self, options: Mapping[str, Mapping[str, Any]]) -> Method:
        """The method, under watch."""
        stores = any("stores_examples" in entry.spec.capabilities for entry in self.entries)
        return Watched(MethodChoice.create(self, options), self.sight, stores=stores)


def state_fault(state: Any) -> str:
    """Why a state cannot be saved, or the empty string."""
    from clbench.checkpoint import pack

    try:
        json.dumps(pack(state, {}), allow_nan=True)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def state_bytes(state: Any) -> int:
    """Size of the tensors and texts in a state."""
    import torch

    if isinstance(state, torch.Tensor):
        return state.nbytes
    if isinstance(state, str):
        return len(state.encode())
    values = state.values() if isinstance(state, Mapping) else state if isinstance(state, list | tuple) else ()
    return sum(map(state_bytes, values))


def _size(model: PreTrainedModel) -> int:
    return sum(p.numel() for p in model.parameters())


def _copy(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
