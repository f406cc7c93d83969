"""Adapters that every task trains alone and keeps, and which of them answers a prompt: what methods of this kind share.

Prompts of one batch may go to different adapters (`banks`), which a router chooses without the task's name (`routing`).
Where the protocol gives the task (`task_identity=given`), no router is asked: the bound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from clbench import Example, Experience, Footprint, Run
from clbench_peft.asked import Prompts, asked_by
from clbench_peft.banks import NONE, Banks, without
from clbench_peft.inject import begin_anew, layers_beside_weights
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.routing import Routing
from clbench_peft.targets import hint

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Isolated(Lora):
    """Adapters of past tasks, and which prompt each of them answers."""

    def __init__(self, options: LoraOptions | None = None) -> None:
        super().__init__(options)
        shape = self.options
        assert isinstance(shape, LoraOptions)
        self._routing = self.routing()
        self._banks = Banks({}, shape.alpha / shape.rank, label=self.label)
        self._last: Prompts | None = None  # of the passes under way in a measurement

    def routing(self) -> Routing:
        """How an adapter is chosen."""
        raise NotImplementedError

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject one adapter, which every task begins anew.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        instead = hint(model)
        model = super().prepare_model(model)
        layers = layers_beside_weights(model, method=self.label, instead=instead, folded=False)
        self._banks = Banks(layers, self._banks.scale, label=self.label)
        return model

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """As it is; counted."""
        self._routing.passes.trained += len(batch)
        return batch

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep the adapter, learn what its prompts look like, begin a new one. After the last task nothing begins."""
        self._banks.keep()
        with without(self._banks.layers):
            right = self._routing.learn(run, experience.task, data)
        told = run.notes.get(self.label, {}).get("routed_to_own_adapter", {})
        run.note(self.label, {**self._adapted, "routed_to_own_adapter": {**told, experience.task: round(right, 4)}})
        if experience.index < run.num_experiences:
            generator = run.torch_rng(f"{self.label}.init", experience.index)
            begin_anew(self._banks.layers.values(), generator=generator, optimizer=run.optimizer)

    # --- answering

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Finished adapters answer: the task's own where it is given, else the one that each prompt is routed to.

        A task that is given and was not learned has no adapter, so the base model answers.
        """
        tasks = self._routing.tasks
        if not tasks:
            yield
            return
        given = None if task is None else tasks.index(task) if task in tasks else NONE
        self._routing.forget()
        self._last = None
        handle = run.model.register_forward_pre_hook(partial(self._look, run, given), with_kwargs=True)
        try:
            with self._banks.answering(run.device):
                yield
        finally:
            handle.remove()
            self._routing.forget()
            self._last = None

    def _look(self, run: Run, given: int | None, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before each pass of the whole model: whose rows are these?"""
        ids: torch.Tensor = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        prompts = asked_by(run, ids, kwargs)
        if prompts is not None and prompts is not self._last:
            self._banks.choose([NONE], device=run.device)  # features are the base model's
            chosen = self._routing.route(run, prompts) if given is None else [given] * len(prompts)
            self._banks.choose(chosen, device=run.device)
            self._last = prompts
        self._banks.width = ids.shape[1]

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Adapters, what prompts look like, counts."""
        return {"kept": self._banks.kept, "routing": self._routing.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._banks.kept = {name: list(pair) for name, pair in state["kept"].items()}
        self._routing.load_state_dict(state["routing"])

    def footprint(self) -> Footprint:
        """The adapter that is trained; those of the past, and the router; a look at each prompt of a task."""
        return Footprint(
            extra_parameters=self._added,
            stored_bytes=self._banks.nbytes + self._routing.nbytes,
            extra_passes=self._routing.passes.extra,
        )
