"""A method that is watched: every hook goes to the real one, and what it does there is noted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.data.example import Example, TrainingData
from clbench.data.tokenising import Encoded
from clbench.methods.method import Experience, Footprint, Method, Run, as_measured
from clbench.plugins.registry import MethodChoice
from clbench.testing import world
from clbench.testing.sight import Sight, is_closed

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

SLACK = 8192  # bytes a method may keep uncounted: counters, the state of a generator


class Watched(Method):
    """A method under watch."""

    def __init__(self, inner: Method, sight: Sight, *, stores: bool) -> None:
        super().__init__(inner.options)
        self.inner, self.sight, self.stores = inner, sight, stores
        self.looked: Experience | None = None
        if members := getattr(inner, "members", None):
            self.members = members

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Count what it adds."""
        model = model.double() if self.sight.double else model
        before = _size(model)
        with self.sight.inside("prepare_model"):
            model = self.inner.prepare_model(model)
        self.sight.added = _size(model) - before
        model.get_input_embeddings().register_forward_pre_hook(self._pass_by)  # type: ignore[union-attr]
        return model

    def _pass_by(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if not inputs[0].is_floating_point():
            self.sight.pass_by(inputs[0].reshape(-1, inputs[0].shape[-1]).tolist())

    def __deepcopy__(self, _: dict[int, Any]) -> Watched:
        """Copies of the model are watched, too."""
        return self

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
        if any(not is_closed(one) for one in sight.past):
            sight.note("no-peeking", "the training data of a finished experience can still be read")
        sight.past.append(data)
        with sight.inside("training_data", run):
            chosen = self.inner.training_data(run, experience, data)
        sight.see("training_data", chosen, self.inner.footprint().stored_examples)
        sight.try_to_read(self.inner, run, experience, data)
        return chosen

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """Remember the order of the data; rows are looked at when they come to the model."""
        self.sight.batches.append(tuple(one.prompt for one in batch))
        with self.sight.inside("batch_data", run):
            chosen = self.inner.batch_data(run, batch)
        self.sight.try_to_score(run)
        examples = [one for one in chosen if not isinstance(one, Encoded)]
        self.sight.see("batch_data", examples, self.inner.footprint().stored_examples)
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

    def own_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """A loss of its own."""
        with self.sight.inside("own_loss", run):
            return self.inner.own_loss(run, batch, output)

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
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """When the data of an experience are gone, look at what the method has kept of them, once."""
        if self.sight.shown and self.looked != run.experience:
            self.looked = run.experience
            self._look(run)
        with contextlib.ExitStack() as stack:
            with self.sight.inside("evaluating", run):
                stack.enter_context(as_measured(self.inner, run, task))
            self.sight.asked = True
            try:
                yield
            finally:
                self.sight.asked = False

    def _look(self, run: Run) -> None:
        sight, stated = self.sight, self.inner.footprint()
        sight.footprints.append(stated)
        kept = len(sight.try_to_read(self.inner, run))
        if kept > stated.stored_examples:
            sight.note("memory", f"{kept} training examples of the past are kept; it counts {stated.stored_examples}")
        if len(sight.returned) > stated.stored_examples:
            back = f"{len(sight.returned)} examples of the past pass through the model"
            sight.note("memory", f"{back}; it counts {stated.stored_examples}")
        if stated.stored_examples > len(sight.shown):
            sight.note("memory", f"it counts {stated.stored_examples} examples of {len(sight.shown)} that it has seen")
        if self.stores != (stated.stored_examples > 0):
            declared = "is" if self.stores else "is not"
            text = f"stores_examples {declared} declared, and it counts {stated.stored_examples} stored examples"
            sight.note("footprint", text)
        held = state_bytes(self.inner.state_dict())
        if held > 2 * stated.stored_bytes + SLACK:
            sight.note("footprint", f"its state holds {held} bytes; stored_bytes says {stated.stored_bytes}")
        hidden = sight.hidden_bytes(self.inner, run)
        if hidden > 2 * stated.stored_bytes + SLACK:
            sight.note("footprint", f"tensors of {hidden} bytes are its own; stored_bytes says {stated.stored_bytes}")
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
    from clbench.runs.checkpoint import pack

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
