"""`sapt`: an adapter a task, all of them mixed by one attention for learning and for answering (SAPT, ACL 2024).

    y = W x + (α/r) Σ_i a_i(x) B_i A_i x                    `mixing`; only the present task's B, A and key are trained
    L + λ Σ_{i<t} KL(p_i ‖ a(x)), x past prompts of task i  `attention`; the query is trained too, and shared by all

(arXiv 2401.08295, sections 3.2 and 3.3.) The attention is the prompt's, in training, generation and likelihoods; nobody
says which task it is of. The authors' past prompts are written by generators that they train beside; here a few real
ones are kept. Where the protocol gives the task, its own adapter answers alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench_adapters.attention import Query, attend, pool, reflection, utilisation
from clbench_adapters.mixing import Mixing
from clbench_peft.asked import Prompts, asked_by
from clbench_peft.inject import begin_anew, forget_moments, layers_beside_weights
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.targets import hint
from clbench_replay.memory import text_bytes

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

PLACE = "sapt_query"  # the model's submodule


class SaptOptions(LoraOptions):
    """Options of `sapt`; the authors' settings, which go with the learning rate 5e-5 for Llama.

    Args:
        rank: r of each task's (α/r)·BA.
        dropout: of the adapters' input, 0–1.
        inner: width inside the query's projection.
        reflection: λ of the past attention's loss; 0 keeps nothing of the past but adapters and keys.
        memory: prompts that are kept of each task.
        prompts: of each past task a step that the loss is taken of.
    """

    rank: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    inner: int = Field(default=100, ge=1, le=100_000)
    reflection: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    memory: int = Field(default=32, ge=1, le=1_000_000)
    prompts: int = Field(default=4, ge=1, le=100_000)


@final
class Sapt(Lora):
    """Adapters of all tasks, and one attention over them."""

    Options: ClassVar[type[MethodOptions]] = SaptOptions
    options: SaptOptions
    label = "sapt"

    def __init__(self, options: SaptOptions | None = None) -> None:
        super().__init__(options)
        self._mixing = Mixing({}, 1.0, label=self.label)
        self._attached = self._begun = False
        self._keys = torch.empty(0, 0)  # of finished tasks
        self._attention: dict[str, torch.Tensor] = {}  # p_i, by task in the order of learning
        self._memory: dict[str, list[Example]] = {}
        self._given: int | None = None  # the only adapter that answers, where the task is given; from 0
        self._last: Prompts | None = None  # prompts of the passes under way

    # --- the model

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject the adapter that each task begins anew, and a query.

        Raises:
            OptionError: the targets do not fit the model, or are not linear layers with a weight of their own.
        """
        instead = hint(model)
        model = super().prepare_model(model)
        layers = layers_beside_weights(model, method=self.label, instead=instead, folded=False)
        self._mixing = Mixing(layers, self.options.alpha / self.options.rank, label=self.label)
        query = Query(_embeddings(model).shape[1], self.options.inner).to(model.device).train(model.training)
        model.add_module(PLACE, query)
        self._added += sum(p.numel() for p in query.parameters())
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; from here on every pass of the model is seen."""
        if not self._attached:
            self._attached = True
            run.model.register_forward_pre_hook(
                lambda model, args, kwargs: self._look(run, args, kwargs), with_kwargs=True
            )
        return super().make_optimizer(named_params, run)

    def _look(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before each pass of the whole model: what are its rows asked?"""
        ids: torch.Tensor = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        self._mixing.width = ids.shape[1]
        if not self._begun:
            return
        prompts = asked_by(run, ids, kwargs)
        if prompts is not None and (prompts is not self._last or torch.is_grad_enabled()):
            self._mixing.weights = self._weights(run, prompts)
            self._last = prompts

    def _weights(self, run: Run, prompts: Prompts) -> torch.Tensor:
        """(prompts, adapters): the attention, or the given task's adapter alone."""
        if self._given is None:
            return self._attend(run, prompts).exp()
        weights = torch.zeros(len(prompts), len(self._keys), device=run.device)
        if self._given >= 0:
            weights[:, self._given] = 1
        return weights

    def _attend(self, run: Run, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-attention to all adapters that take part; in fp32, whatever the pass is computed in."""
        query = _query(run.model)
        with torch.autocast(run.device.type, enabled=False):
            present = [query.key[None]] if self._mixing.present else []
            keys = torch.cat([*([self._keys.to(run.device)] if len(self._keys) else []), *present])
            return attend(query(pool(_embeddings(run.model).detach(), prompts)), keys)

    # --- training

    def before_experience(self, run: Run, experience: Experience) -> None:
        """From the first task on there are adapters."""
        self._begun = True
        self._mixing.place(run.device)

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """λ Σ KL over a few prompts of each past task; the same for each micro-batch of a step."""
        if not self.options.reflection or not self._memory:
            return None
        terms = []
        for place, (task, kept) in enumerate(self._memory.items()):  # by its place: no name changes a draw
            number = min(self.options.prompts, len(kept))
            drawn = run.rng("sapt.prompts", run.step, place).sample(kept, number)
            told = self._attend(run, [one.ids for one in run.encode(drawn, [()] * number)])
            terms.append(reflection(told, self._attention[task].to(run.device)))
        return self.options.reflection * torch.stack(terms).sum()

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep adapter, key, attention and some prompts; begin a new adapter. After the last task nothing begins."""
        self._attention[experience.task] = self._mean_attention(run, data)
        self._mixing.keep()
        key = _query(run.model).key
        own = key.detach().clone()[None].cpu()
        self._keys = torch.cat([self._keys, own]) if len(self._keys) else own
        if self.options.reflection:
            asked = [Example(one.task, one.prompt, "") for one in data]
            number = min(self.options.memory, len(asked))
            self._memory[experience.task] = run.rng("sapt.memory", experience.index).sample(asked, number)
        if experience.index < run.num_experiences:
            generator = run.torch_rng("sapt.init", experience.index)
            begin_anew(self._mixing.layers.values(), generator=generator, optimizer=run.optimizer)
            with torch.no_grad():
                key.copy_(torch.empty(key.shape).uniform_(-1, 1, generator=generator))
            forget_moments(run.optimizer, [key])
        self._note(run)

    @torch.no_grad()
    def _mean_attention(self, run: Run, data: Sequence[Example]) -> torch.Tensor:
        told = self._attend(run, [one.ids for one in run.encode(data, [()] * len(data))])
        return told.exp().mean(0).cpu()

    def _note(self, run: Run) -> None:
        drawn = utilisation({task: found.tolist() for task, found in self._attention.items()})
        kept = sum(map(len, self._memory.values()))
        run.note(self.label, {**self._adapted, "prompts_kept": kept, "utilisation": drawn})

    # --- answering

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Finished adapters answer; where the task is given, its own alone, and the base model where it has none."""
        if not self._attention:
            yield
            return
        tasks = list(self._attention)
        self._mixing.place(run.device)
        self._mixing.present, self._last = False, None
        self._given = None if task is None else tasks.index(task) if task in tasks else -1
        try:
            yield
        finally:
            self._mixing.present, self._last, self._given = True, None, None

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Adapters, keys, attention and prompts of the past; the query is part of the model."""
        return {
            "begun": self._begun,
            "kept": self._mixing.kept,
            "keys": self._keys,
            "attention": dict(self._attention),
            "memory": {task: [one.to_json() for one in kept] for task, kept in self._memory.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._begun, self._keys = state["begun"], state["keys"]
        self._mixing.kept = {name: list(pair) for name, pair in state["kept"].items()}
        self._attention = dict(state["attention"])
        self._memory = {task: [Example.from_json(one) for one in kept] for task, kept in state["memory"].items()}
        self._last = None

    def footprint(self) -> Footprint:
        """The adapter that is trained, and the query; adapters, keys and prompts of the past. No pass of its own."""
        prompts = [one for kept in self._memory.values() for one in kept]
        told = self._mixing.nbytes + self._keys.nbytes + sum(one.nbytes for one in self._attention.values())
        return Footprint(
            extra_parameters=self._added,
            stored_examples=len(prompts),
            stored_bytes=told + text_bytes(prompts),
        )


def _query(model: torch.nn.Module) -> Query:
    found = model.get_submodule(PLACE)
    assert isinstance(found, Query)
    return found


def _embeddings(model: PreTrainedModel) -> torch.Tensor:
    found: Any = model.get_input_embeddings()
    return found.weight
