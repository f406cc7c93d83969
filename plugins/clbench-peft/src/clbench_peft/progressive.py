"""`progressive-prompts`: a soft prompt a task, before those of all tasks before it (ICLR 2023, arXiv 2301.12314).

    max Σ log p(y | [P_k; P_{k−1}; …; P_1; x])              only P_k is trained; the model and P_1 … P_{k−1} are frozen

A question of task i is answered with [P_i; …; P_1; x], so nothing is forgotten but which task it is of. The authors are
told that. Here nobody is: by default a router finds it out from the frozen model's feature of the question (`routing`,
as for `epi`), or all prompts stand before every question. Where the protocol gives the task (`task_identity=given`) it
is the authors' setting, the bound.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_peft.asked import Prompts, asked_by, goes_on
from clbench_peft.features import Pooling
from clbench_peft.inject import forget_moments
from clbench_peft.prepending import attach, embedding, prepended
from clbench_peft.router import Router
from clbench_peft.routing import Routing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLACE = "progressive_prompt"  # the model's submodule


class ProgressiveOptions(MethodOptions):
    """Options of `progressive-prompts`; the authors' setting goes with the learning rate 0.3.

    Args:
        length: soft tokens of each task's prompt.
        answers: which prompts stand before a question: those up to the task that it is `routed` to, or `all`.
        feature: of a question, see `epi`.
        shrinkage: of the router, see `epi`.
    """

    length: int = Field(default=10, ge=1, le=10_000)
    answers: Literal["routed", "all"] = "routed"
    feature: Pooling = "mean"
    shrinkage: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)


class Prompt(torch.nn.Module):
    """P_k.

    Args:
        values: (soft tokens, embedding width).
    """

    def __init__(self, values: torch.Tensor) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(values)


@final
class ProgressivePrompts(Method):
    """Soft prompts in front of every pass, more of them with every task."""

    Options: ClassVar[type[MethodOptions]] = ProgressiveOptions
    options: ProgressiveOptions

    def __init__(self, options: ProgressiveOptions | None = None) -> None:
        super().__init__(options)
        self._routing = Routing(Router(self.options.shrinkage), self.options.feature)
        self._kept: list[torch.Tensor] = []  # P_1 … P_{k−1}
        self._size = 0  # parameters of a prompt
        self._attached = self._begun = False
        self._measuring = False  # finished prompts answer
        self._given: str | None = None
        self._last: Prompts | None = None  # of the passes under way in a measurement
        self._skipped: torch.Tensor | None = None  # soft tokens that each of their rows does without

    # --- the model

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze it, and give it a prompt that begins as embeddings of tokens that are drawn."""
        embed = embedding(model)
        model.requires_grad_(False)
        drawn = torch.randint(embed.weight.shape[0], (self.options.length,))
        model.add_module(PLACE, Prompt(_embedded(embed, drawn)).train(model.training))
        self._size = _prompt(model).numel()
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> None:
        """The protocol's; from here on every pass of the model is seen."""
        if not self._attached:
            self._attached = True
            most = run.num_experiences * self.options.length
            attach(run.model, partial(self._prepend, run), most=most)

    def _prepend(self, run: Run, ids: torch.Tensor, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """A pass begins."""
        prompts = self._prompts(run)
        if not prompts:
            return None
        if self._measuring:
            self._choose(run, asked_by(run, ids, kwargs))
        skipped = self._skipped if self._measuring else None
        if skipped is not None and not goes_on(ids, kwargs.get("attention_mask")) and _takes_positions(run.model):
            kwargs = {"position_ids": torch.arange(ids.shape[1], device=ids.device)[None], **kwargs}
        soft = torch.cat(prompts[::-1]).expand(len(ids), -1, -1)
        return prepended(kwargs, ids, soft, embed=embedding(run.model), skipped=skipped)

    def _prompts(self, run: Run) -> list[torch.Tensor]:
        """P_1, P_2, …: those that stand before a pass."""
        kept = [one.to(run.device) for one in self._kept]
        return kept if self._measuring or not self._begun else [*kept, _prompt(run.model)]

    def _choose(self, run: Run, asked: Prompts | None) -> None:
        """Which of the soft tokens each row of a measurement does without: those of tasks after its own."""
        if asked is None or asked is self._last:
            return
        self._last, tasks = asked, self._routing.tasks
        if self._given is not None:
            number = tasks.index(self._given) + 1 if self._given in tasks else 0
            counts = [number] * len(asked)
        elif self.options.answers == "all":
            counts = [len(tasks)] * len(asked)
        else:
            counts = [place + 1 for place in self._routing.route(run, asked)]
        missing = torch.tensor([len(tasks) - one for one in counts], device=run.device)
        self._skipped = missing * self.options.length if missing.any() else None

    # --- training

    def before_experience(self, run: Run, experience: Experience) -> None:
        """From the first task on there are prompts."""
        self._begun = True

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """As it is; counted."""
        self._routing.passes.trained += len(batch)
        return batch

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep the prompt, learn what its questions look like, begin a new one. After the last nothing begins."""
        values = _prompt(run.model)
        self._kept.append(values.detach().clone())
        right = self._routing.learn(
            run, experience.task, data
        )  # its features are the body's, before which nothing stands
        told = run.notes.get("progressive-prompts", {}).get("routed_to_own_prompt", {})
        run.note("progressive-prompts", {"routed_to_own_prompt": {**told, experience.task: round(right, 4)}})
        if experience.index < run.num_experiences:
            embed, generator = embedding(run.model), run.torch_rng("progressive-prompts.init", experience.index)
            drawn = torch.randint(embed.weight.shape[0], (self.options.length,), generator=generator)
            with torch.no_grad():
                values.copy_(_embedded(embed, drawn))
            forget_moments(run.optimizer, [values])

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Finished prompts answer: those up to the task's own where it is given; none where it was not learned."""
        self._measuring, self._given = bool(self._kept), task
        self._forget()
        try:
            yield
        finally:
            self._measuring, self._given = False, None
            self._forget()

    def _forget(self) -> None:
        """What belongs to one measurement."""
        self._routing.forget()
        self._last = self._skipped = None

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Past prompts, what their questions look like; the present prompt is part of the model."""
        return {"begun": self._begun, "kept": list(self._kept), "routing": self._routing.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._begun, self._kept = state["begun"], list(state["kept"])
        self._routing.load_state_dict(state["routing"])

    def footprint(self) -> Footprint:
        """The prompt that is trained; those of the past, and the router; a look at each question of a task."""
        return Footprint(
            extra_parameters=self._size,
            stored_bytes=sum(one.nbytes for one in self._kept) + self._routing.nbytes,
            extra_passes=self._routing.passes.extra,
        )


@torch.no_grad()
def _embedded(embed: torch.nn.Embedding, drawn: torch.Tensor) -> torch.Tensor:
    return embed(drawn.to(embed.weight.device)).float().clone()


def _prompt(model: torch.nn.Module) -> torch.nn.Parameter:
    found = model.get_submodule(PLACE)
    assert isinstance(found, Prompt)
    return found.values


def _takes_positions(model: PreTrainedModel) -> bool:
    """A row that has padding before it must be told where its first token stands."""
    return "position_ids" in inspect.signature(model.forward).parameters
