"""`epi`: an adapter a task, kept as it is, and a router that chooses among them by the prompt (EPI, ACL 2023).

Efficient parameter isolation trains private parameters for each task and never touches them again; what is left to
forget is which of them a question needs. That is decided without the task's name, by the frozen base model's feature of
the prompt and one Gaussian a task (`router`). Prompts of one batch may go to different adapters (`banks`).
The authors' private parameters are prefixes; here they are LoRA's, as in later comparisons on TRACE. Where the protocol
gives the task (`task_identity=given`), no router is asked: the bound.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench_peft.asked import Prompts, asked_by
from clbench_peft.banks import NONE, Banks, without
from clbench_peft.features import Pooling, features
from clbench_peft.inject import ADAPTER, forget_moments, layers_beside_weights
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.passes import Passes
from clbench_peft.router import Router
from clbench_peft.targets import hint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class EpiOptions(LoraOptions):
    """Options of `epi`, beside those of `lora`.

    Args:
        feature: of a prompt: the `mean` of the base model's last hidden states over its tokens, as the authors have it,
            or that of its `last` token.
        shrinkage: share (0–1) of the covariance that is the identity times its mean variance; 1 is the nearest mean.
    """

    feature: Pooling = "mean"
    shrinkage: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)


@final
class Epi(Lora):
    """Adapters of past tasks, and which prompt each of them answers."""

    Options: ClassVar[type[MethodOptions]] = EpiOptions
    options: EpiOptions
    label = "epi"

    def __init__(self, options: EpiOptions | None = None) -> None:
        super().__init__(options)
        self._router = Router(self.options.shrinkage)
        self._banks = Banks({}, self.options.alpha / self.options.rank)
        self._tasks: list[str] = []  # in the order in which they were learned; read only where the protocol gives names
        self._passes = Passes()  # read for features

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject one adapter, which every task begins anew.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        instead = hint(model)
        model = super().prepare_model(model)
        layers = layers_beside_weights(model, method="epi", instead=instead, folded=False)
        self._banks = Banks(layers, self._banks.scale)
        return model

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """As it is; counted."""
        self._passes.trained += len(batch)
        return batch

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep the adapter, learn what its prompts look like, begin a new one. After the last task nothing begins."""
        self._banks.keep()
        self._tasks.append(experience.task)
        asked = [one.ids for one in run.encode(data, [()] * len(data))]
        self._passes.look(len(asked))
        with without(self._banks.layers):
            found = features(run, asked, how=self.options.feature)
        self._router.learn(found)
        right = self._router.nearest(found).count(len(self._tasks) - 1) / len(asked)
        routed = {**run.notes.get("epi", {}).get("routed_to_own_adapter", {}), experience.task: round(right, 4)}
        run.note("epi", {**self._adapted, "routed_to_own_adapter": routed})
        if experience.index < run.num_experiences:
            self._begin_anew(run, experience)

    @torch.no_grad()
    def _begin_anew(self, run: Run, experience: Experience) -> None:
        """The same parameters with new values: the optimizer keeps them, and forgets their moments."""
        generator = run.torch_rng("epi.init", experience.index)
        for layer in self._banks.layers.values():
            a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
            fresh = torch.empty(a.shape)
            torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=generator)
            a.copy_(fresh)
            b.zero_()
            forget_moments(run.optimizer, [a, b])

    # --- answering

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Finished adapters answer: the task's own where it is given, else the one that each prompt is routed to.

        A task that is given and was not learned has no adapter, so the base model answers.
        """
        if not self._tasks:
            yield
            return
        given = None if task is None else self._tasks.index(task) if task in self._tasks else NONE
        look = partial(self._look, run, given, _Routes())
        handle = run.model.register_forward_pre_hook(look, with_kwargs=True)
        try:
            with self._banks.answering(run.device):
                yield
        finally:
            handle.remove()

    def _look(
        self, run: Run, given: int | None, routes: _Routes, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Before each pass of the whole model: whose rows are these?"""
        ids: torch.Tensor = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        prompts = asked_by(run, ids, kwargs)
        if prompts is not None and prompts is not routes.last:
            chosen = self._route(run, prompts, routes.known) if given is None else [given] * len(prompts)
            self._banks.choose(chosen, device=run.device)
            routes.last = prompts
        self._banks.width = ids.shape[1]

    def _route(self, run: Run, prompts: Prompts, known: dict[tuple[int, ...], int]) -> list[int]:
        """The adapter of each prompt; those that were asked before in this measurement are not read again."""
        new = [one for one in dict.fromkeys(prompts) if one not in known]
        if new:
            self._banks.choose([NONE], device=run.device)  # features are the base model's
            known.update(zip(new, self._router.nearest(features(run, new, how=self.options.feature)), strict=True))
        return [known[one] for one in prompts]

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Adapters, what prompts look like, counts."""
        return {
            "kept": self._banks.kept,
            "router": self._router.state_dict(),
            "tasks": list(self._tasks),
            "passes": self._passes.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._banks.kept = {name: list(pair) for name, pair in state["kept"].items()}
        self._router.load_state_dict(state["router"])
        self._tasks = list(state["tasks"])
        self._passes = Passes.of(state["passes"])

    def footprint(self) -> Footprint:
        """The adapter that is trained; those of the past, and the router; a look at each prompt of a task."""
        return Footprint(
            extra_parameters=self._added,
            stored_bytes=self._banks.nbytes + self._router.nbytes,
            extra_passes=self._passes.extra,
        )


@dataclass(slots=True)
class _Routes:
    """Of one measurement; nothing of it is kept.

    Args:
        known: adapter of each prompt.
        last: prompts of the passes under way.
    """

    known: dict[tuple[int, ...], int] = field(default_factory=dict)
    last: Prompts | None = None
