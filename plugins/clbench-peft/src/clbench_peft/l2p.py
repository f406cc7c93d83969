"""`l2p`: learning to prompt, a pool of soft prompts of which each input chooses some by itself (arXiv 2112.08654).

    x_p = [P_{s1}; …; P_{sN}; x_e]                          equation 2: chosen prompts stand before the embedded input

The model is frozen; prompts and keys are trained. The query q(x) is the frozen model's feature of the prompt, the last
token's as the analogue of [CLS]. Nobody says which task an input is of, in training or after it. `pool` has the choice
and the loss of the keys, `prepending` what becomes of a pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import torch
from pydantic import Field, model_validator

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_peft.asked import Prompts, asked_by
from clbench_peft.features import Pooling, features, width
from clbench_peft.passes import Passes
from clbench_peft.pool import PromptPool, choose, distances, pull
from clbench_peft.prepending import attach, embedding, prepended

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLACE = "l2p_pool"  # the model's submodule


class L2pOptions(MethodOptions):
    """Options of `l2p`; the authors' settings for image streams, which go with the learning rate 0.03.

    Args:
        pool: M soft prompts.
        length: soft tokens of each.
        top: N of them before each input.
        pull: λ of the keys' loss.
        diversify: distances are multiplied by how often past tasks have chosen a prompt (equation 4), in training.
        query: what a prompt is told apart by: the base model's last hidden state at its `last` token, or their `mean`.
    """

    pool: int = Field(default=10, ge=1)
    length: int = Field(default=5, ge=1)
    top: int = Field(default=5, ge=1)
    pull: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    diversify: bool = False
    query: Pooling = "last"

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.top > self.pool:
            raise ValueError(f"top: {self.top} of a pool of {self.pool} cannot be chosen; raise pool, or lower top")
        return self


@final
class L2p(Method):
    """Soft prompts in front of every pass, from the first task on."""

    Options: ClassVar[type[MethodOptions]] = L2pOptions
    options: L2pOptions

    def __init__(self, options: L2pOptions | None = None) -> None:
        super().__init__(options)
        self._begun = self._attached = False
        self._size = 0  # parameters of the pool
        self._counts = torch.zeros(self.options.pool)  # choices of the present task's training
        self._past = torch.zeros(self.options.pool)  # of all before it
        self._passes = Passes()  # read for queries
        self._known: dict[tuple[int, ...], torch.Tensor] | None = None  # choices of the measurement under way
        self._forget()

    def _forget(self) -> None:
        """What belongs to the passes under way."""
        self._asked: Prompts | None = None
        self._places = torch.empty(0, 0, dtype=torch.long)
        self._pull: torch.Tensor | None = None

    # --- the model

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze it, and give it a pool: prompts begin as embeddings of tokens that are drawn, keys as directions."""
        options, embed = self.options, embedding(model)
        model.requires_grad_(False)
        with torch.no_grad():
            drawn = torch.randint(embed.weight.shape[0], (options.pool, options.length))
            values = embed(drawn.to(embed.weight.device)).float()
        keys = torch.randn(options.pool, width(model)).to(values.device)
        model.add_module(PLACE, PromptPool(keys, values.clone()).train(model.training))
        self._size = keys.numel() + values.numel()
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> None:
        """The protocol's; from here on every pass of the model is seen."""
        if not self._attached:
            self._attached = True
            most = self.options.top * self.options.length
            attach(run.model, partial(self._prepend, run), most=most)

    def _prepend(self, run: Run, ids: torch.Tensor, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """A pass begins."""
        if not self._begun:
            return None
        asked = asked_by(run, ids, kwargs)
        if asked is not None and asked is not self._asked:
            self._places = self._recalled(run, asked) if self._known is not None else self._chosen(run, asked)
            self._asked = asked
        soft = _pool(run.model).chosen(self._places)
        return prepended(kwargs, ids, soft, embed=embedding(run.model))

    def _chosen(self, run: Run, asked: Prompts) -> torch.Tensor:
        """Places of each prompt's soft prompts; in a training pass also the keys' loss."""
        options, training = self.options, run.model.training and torch.is_grad_enabled()
        apart = distances(features(run, asked, how=options.query), _pool(run.model).keys)
        diverse = options.diversify and training and bool(self._past.any())
        frequency = (self._past / self._past.sum()).to(apart.device) if diverse else None
        places = choose(apart.detach(), options.top, frequency=frequency)
        if self._known is None:
            self._passes.look(len(asked))
        if training:
            self._pull = options.pull * pull(apart, places)
            self._counts += places.flatten().bincount(minlength=options.pool).cpu()
        return places

    def _recalled(self, run: Run, asked: Prompts) -> torch.Tensor:
        """The same in a measurement, where a question is read once."""
        assert self._known is not None
        new = tuple(one for one in dict.fromkeys(asked) if one not in self._known)
        if new:
            self._known.update(zip(new, self._chosen(run, new), strict=True))
        return torch.stack([self._known[one] for one in asked])

    # --- training

    def before_experience(self, run: Run, experience: Experience) -> None:
        """From the first task on there are prompts."""
        self._begun = True

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """As it is; counted."""
        self._passes.trained += len(batch)
        return batch

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """λ Σ γ of the micro-batch, whose pass is over."""
        found, self._pull = self._pull, None
        return found

    def after_step(self, run: Run) -> None:
        """Nothing of a step is kept."""
        self._forget()

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """What was chosen belongs to the past now."""
        self._forget()
        self._past, self._counts = self._past + self._counts, torch.zeros_like(self._counts)
        run.note("l2p", {"chosen": [int(one) for one in self._past]})

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Each prompt is read once; the task's name is of no use here."""
        self._forget()
        self._known = {}
        try:
            yield
        finally:
            self._known = None
            self._forget()

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Counts; the pool is part of the model."""
        return {
            "begun": self._begun,
            "counts": self._counts,
            "past": self._past,
            "passes": self._passes.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._begun, self._counts, self._past = state["begun"], state["counts"], state["past"]
        self._passes = Passes.of(state["passes"])
        self._forget()

    def footprint(self) -> Footprint:
        """The pool; a pass over each prompt for its query."""
        return Footprint(
            extra_parameters=self._size,
            stored_bytes=self._begun * (self._counts.nbytes + self._past.nbytes),
            extra_passes=self._passes.extra,
        )


def _pool(model: torch.nn.Module) -> PromptPool:
    found = model.get_submodule(PLACE)
    assert isinstance(found, PromptPool)
    return found
