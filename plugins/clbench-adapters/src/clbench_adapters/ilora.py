"""`ilora`: interpolation-based LoRA, a fast adapter that learns and a slow one that answers (arXiv 2402.18865).

    θ_l ← λ θ_l + (1 − λ) θ_w                               after each step; θ_w is trained, θ_l is its slow average
    L = (L(task) + L(memory)) / 2 + γ · mean (h_w − h_l)²   h: hidden states of the memory's records, of all blocks

The memory is a reservoir of past records, of which each step takes as many as it has of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, MethodOptions, Run
from clbench.training.losses import evaluating
from clbench_adapters.hearing import Hearing, disagreement
from clbench_peft.method import Lora, LoraOptions
from clbench_replay.memory import Kept, arrive, keep, text_bytes
from clbench_replay.ssr import FORWARD, at
from clbench_replay.weighing import weighed

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from clbench.data.tokenising import Encoded


class IloraOptions(LoraOptions):
    """Options of `ilora`, beside those of `lora`; size, ratio, consistency and decay are the authors'.

    Args:
        size: records that the memory holds over all tasks.
        ratio: of them a step, for each own one.
        decay: λ, share (0–1) of the slow adapter that a step leaves. The authors' 0.25 makes it hardly slow; 0.99 and
            more is usual for such averages. At step n it is at most 1 − 1/(n + 1).
        consistency: γ.
        answers: which adapter is measured: the `slow` one, or the `fast` one that is trained.
    """

    size: int = Field(default=500, ge=1, le=10_000_000)
    ratio: float = Field(default=1.0, ge=0, le=100, allow_inf_nan=False)
    decay: float = Field(default=0.25, ge=0, lt=1, allow_inf_nan=False)
    consistency: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    answers: Literal["slow", "fast"] = "slow"


@final
class Ilora(Lora):
    """LoRA with a slow copy and a memory."""

    Options: ClassVar[type[MethodOptions]] = IloraOptions
    options: IloraOptions
    label = "ilora"

    def __init__(self, options: IloraOptions | None = None) -> None:
        super().__init__(options)
        self._slow: dict[str, torch.Tensor] = {}
        self._memory: list[Kept] = []
        self._counts = {"own": 0, "mixed": 0}  # records of steps: the task's and the memory's
        self._hearing: Hearing | None = None
        self._forget()

    def _forget(self) -> None:
        """What belongs to a step: the memory's rows, and how many rows there are for each of them."""
        self._past: tuple[Encoded, ...] = ()
        self._share = 0.0

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; from here on hidden states are heard, where they are needed."""
        if self._hearing is None and self.options.consistency and self.options.ratio:
            self._hearing = Hearing(run.model)
        return super().make_optimizer(named_params, run)

    # --- training

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Where the slow adapter begins."""
        if not self._slow:
            self._slow = {name: p.detach().clone() for name, p in run.model.named_parameters() if p.requires_grad}

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """The batch and some of the memory, each half of the loss."""
        self._forget()
        self._counts["own"] += len(batch)
        number = min(round(self.options.ratio * len(batch)), len(self._memory))
        if not number:
            return batch
        self._counts["mixed"] += number
        drawn = [one.example for one in run.rng("ilora.batch", run.step).sample(self._memory, number)]
        own, past = (run.encode(some, [one.answer for one in some]) for some in (batch, drawn))
        rows = weighed([(own, 0.5), (past, 0.5)])
        self._past, self._share = tuple(rows[len(own) :]), len(rows) / number
        return rows

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """γ · mean (h_w − h_l)² over the memory's rows of the step."""
        if self._hearing is None:
            return None
        heard = self._hearing.take()
        past = {id(one) for one in self._past}
        places = [place for place, row in enumerate(run.rows) if id(row) in past]
        if not places or len(run.rows) != len(batch["input_ids"]):
            return None
        ids, mask = batch["input_ids"][places], batch["attention_mask"][places]
        apart = disagreement([one[places] for one in heard], self._slow_states(run, ids), mask)
        return self.options.consistency * self._share * apart.sum() / len(run.rows)

    def _slow_states(self, run: Run, ids: torch.Tensor) -> list[torch.Tensor]:
        """What the slow adapter makes of rows, without dropout and gradient."""
        assert self._hearing is not None
        body: Any = run.model.base_model
        with torch.no_grad(), at(run.model, self._slow), evaluating(run.model), self._hearing.aside() as states:
            body(input_ids=ids, use_cache=False)
        return states

    def after_backward(self, run: Run) -> None:
        """Nothing of the step's passes is kept, nor what checkpointed blocks have given again."""
        self._forget()
        if self._hearing is not None:
            self._hearing.take()

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        """θ_l ← λ θ_l + (1 − λ) θ_w."""
        decay = min(1 - 1 / (run.step + 1), self.options.decay)
        params = dict(run.model.named_parameters())
        for name, mean in self._slow.items():
            self._slow[name] = torch.lerp(params[name], mean.to(params[name].device), decay)

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Some of its records stay."""
        arrived = arrive(experience.task, data, rng=run.rng("ilora.keys", experience.index))
        if self.options.ratio:
            self._memory = keep(self._memory, arrived, policy="reservoir", size=self.options.size)
        run.note("ilora", {**self._adapted, "examples": len(self._memory), **self._counts})

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """The slow adapter answers."""
        with at(run.model, self._slow if self.options.answers == "slow" else {}):
            yield

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """The slow adapter, the memory, counts."""
        return {
            "slow": dict(self._slow),
            "memory": [one.to_json() for one in self._memory],
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._slow, self._counts = dict(state["slow"]), dict(state["counts"])
        self._memory = [Kept.from_json(one) for one in state["memory"]]

    def footprint(self) -> Footprint:
        """Both adapters; the memory, each of whose rows is trained on, and read by the slow adapter."""
        mixed, own = self._counts["mixed"], max(1, self._counts["own"])
        return Footprint(
            extra_parameters=self._added,
            stored_examples=len(self._memory),
            stored_bytes=text_bytes(one.example for one in self._memory) + sum(p.nbytes for p in self._slow.values()),
            extra_passes=mixed * (1 + FORWARD * (self._hearing is not None)) / own,
        )
