"""`grpo`: group-relative policy optimization. Each prompt's own answers are compared with each other; no value net.

    L = mean over answers of [ −min(ρ·Â, clip(ρ, 1 ± ε)·Â) + β·KL(π‖π_ref) ],  each a mean over the answer's tokens

The equations stand in `policy`. Rewards are the task's score. Examples that have none here, as a memory's, are
imitated: with Â = 1 and ρ = 1 the gradient is that of their likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.data.tokenising import Encoded
from clbench.training.losses import forward
from clbench_onpolicy.policy import advantages, divergence, surrogate
from clbench_onpolicy.sampling import FORWARD, Passes, SamplingOptions, rewards, scored
from clbench_onpolicy.teacher import Tensors, at, copies, num_bytes


class GrpoOptions(SamplingOptions):
    """Options of `grpo`.

    Args:
        temperature: see `SamplingOptions`; likelihoods are taken at 1, so another one samples off the policy.
        max_new_tokens: see `SamplingOptions`.
        samples: G, answers a prompt.
        clip: ε.
        kl: β; 0 leaves the term out, as later work does.
        reference: of that term: the `base` model, or the one `previous` to the task.
        iterations: μ, steps that train on one step's samples; the prompts of the others wait for another epoch.
        scale: whether advantages are divided by their group's deviation.
    """

    samples: int = Field(default=4, ge=2, le=1024)
    clip: float = Field(default=0.2, gt=0, lt=1)
    kl: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    reference: Literal["base", "previous"] = "base"
    iterations: int = Field(default=1, ge=1, le=1000)
    scale: Literal["group", "none"] = "group"


@final
class Grpo(Method):
    """A step samples, scores, and trains on all samples."""

    Options: ClassVar[type[MethodOptions]] = GrpoOptions
    options: GrpoOptions

    def __init__(self, options: GrpoOptions | None = None) -> None:
        super().__init__(options)
        self._passes = Passes()
        self._reference: Tensors = {}
        self._rows: list[Encoded] = []  # of the last sampling, where several steps train on it
        self._old: list[torch.Tensor] = []  # their tokens' log-likelihoods then
        self._used = 0

    def before_experience(self, run: Run, experience: Experience) -> None:
        """The reference, where there is one."""
        if self.options.kl and (self.options.reference == "previous" or not self._reference):
            self._reference = copies(run.model)

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """Samples with their advantages as weights, and examples of the past."""
        own, past = scored(run, batch)
        self._passes.own += len(own)
        if self._rows and self._used < self.options.iterations:
            self._used += 1
            self._passes.all += len(self._rows) * self._cost
            return [*self._rows, *past]
        rows = self._sampled(run, own)
        self._passes.all += len(rows) * (self._cost + FORWARD)
        return [*rows, *past]

    def _sampled(self, run: Run, own: Sequence[Example]) -> list[Encoded]:
        """New samples; where several steps train on them, with what the policy that gave them makes of them."""
        groups = run.generate(
            own,
            n=self.options.samples,
            temperature=self.options.temperature,
            max_new_tokens=self.options.max_new_tokens,
            stream="grpo.samples",
        )
        worth = rewards(run, groups)
        self._passes.right += sum(map(sum, worth))
        self._passes.samples += sum(map(len, worth))
        run.note("grpo", self._passes.told())
        flat = [one for group in groups for one in group]
        asked, said = [one.example for one in flat], [one.ids for one in flat]
        weights = [one for scores in worth for one in advantages(scores, scale=self.options.scale)]
        rows = run.encode(asked, said, weights=weights)
        if self.options.iterations > 1:
            with torch.no_grad():
                self._old = [one.cpu() for one in run.logprobs(asked, said)]
            self._rows, self._used = rows, 1
            self._passes.all += len(rows) * FORWARD
        return rows

    @property
    def _cost(self) -> float:
        """Passes of a row that is trained on."""
        return 1 + FORWARD * bool(self.options.kl)

    def own_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor:
        """The mean over the micro-batch's answers."""
        sizes = [one.num_answer for one in run.rows]
        new = output.likelihoods(batch["targets"]).split(sizes)
        pairs = zip(new, self._then(run, new), batch["weights"], strict=True)
        terms = [surrogate(*one, clip=self.options.clip) for one in pairs]
        if self.options.kl:
            with torch.no_grad():
                told = forward(run.model, batch, call=at(run.model, self._reference)).likelihoods(batch["targets"])
            terms += [self.options.kl * divergence(*pair) for pair in zip(new, told.split(sizes), strict=True)]
        return torch.stack(terms).sum() / len(run.rows)

    def _then(self, run: Run, new: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Log π_old of each row: of the policy that sampled it, which is the present one in the first step over it."""
        kept = {id(row): old.to(run.device) for row, old in zip(self._rows, self._old, strict=True)}
        return [kept[id(row)] if id(row) in kept else one.detach() for row, one in zip(run.rows, new, strict=True)]

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Samples of another task are not trained on."""
        self._rows, self._old = [], []

    def state_dict(self) -> dict[str, Any]:
        """The reference, and samples that later steps train on."""
        rows = [[list(one.ids), one.num_answer, one.task, one.weight] for one in self._rows]
        state = {"rows": rows, "old": list(self._old), "used": self._used}
        return {**state, "passes": asdict(self._passes), "reference": dict(self._reference)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._rows = [Encoded(tuple(ids), *rest) for ids, *rest in state["rows"]]
        self._old, self._used = list(state["old"]), state["used"]
        self._passes, self._reference = Passes(**state["passes"]), dict(state["reference"])

    def footprint(self) -> Footprint:
        """Sampling and training on all samples; the reference's weights."""
        kept = sum(8 * len(one.ids) for one in self._rows) + sum(one.nbytes for one in self._old)
        return Footprint(extra_passes=self._passes.extra, stored_bytes=num_bytes(self._reference) + kept)
