"""`sdft`: self-distillation fine-tuning. The teacher is the model itself, when it sees the reference beside the prompt.

    y ~ π_θ(· | x);   L = mean over y's tokens of D( π_θ(· | x, y_<t), π_φ(· | x, reference, y_<t) )

D is a divergence over the whole vocabulary: reverse KL(π_θ‖π_φ), as the paper's equation has it, or forward
KL(π_φ‖π_θ), as its code is run. φ is θ itself, an average over steps (φ ← α·θ + (1 − α)·φ), or the weights before the
task; no gradient goes through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal, final

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from pydantic import Field, field_validator

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.data.batches import collate
from clbench.data.tokenising import Encoded
from clbench.training.losses import evaluating, forward
from clbench_onpolicy.sampling import FORWARD, Passes, SamplingOptions
from clbench_onpolicy.teacher import Tensors, at, copies, follow, num_bytes

Direction = Literal["reverse", "forward"]
CUT = "sdft: the teacher's prompts that lost their beginning, with the reference in it: raise max_prompt_tokens"


class SdftOptions(SamplingOptions):
    """Options of `sdft`.

    Args:
        temperature: see `SamplingOptions`.
        max_new_tokens: see `SamplingOptions`.
        divergence: `reverse` or `forward` KL.
        teacher: the `model` as it is, an `ema` of its steps, or `frozen` as it was before the task.
        rate: α of the EMA.
        template: what the teacher is asked, of {prompt} and {answer}. By default the solved example stands before the
            same prompt, which a base model can read; `{prompt}` alone is a teacher that sees nothing.
    """

    divergence: Direction = "reverse"
    teacher: Literal["model", "ema", "frozen"] = "ema"
    rate: float = Field(default=0.05, gt=0, le=1)
    template: str = "{prompt}{answer}\n\n{prompt}"

    @field_validator("template")
    @classmethod
    def _asks(cls, template: str) -> str:
        if "{prompt}" not in template:
            raise ValueError("must hold {prompt}")
        return template


def divergence(student: torch.Tensor, teacher: torch.Tensor, *, direction: Direction) -> torch.Tensor:
    """KL in nats of each position: logits (positions, vocabulary) to (positions)."""
    new, told = student.float().log_softmax(-1), teacher.float().log_softmax(-1)
    pair = (told, new) if direction == "reverse" else (new, told)
    return F.kl_div(*pair, log_target=True, reduction="none").sum(-1)


@final
class Sdft(Method):
    """A step samples one answer a prompt, and moves towards the teacher along it."""

    Options: ClassVar[type[MethodOptions]] = SdftOptions
    options: SdftOptions

    def __init__(self, options: SdftOptions | None = None) -> None:
        super().__init__(options)
        self._passes = Passes()
        self._teacher: Tensors = {}
        self._asked: dict[int, Encoded] = {}  # the teacher's row of each of the step's rows

    def before_experience(self, run: Run, experience: Experience) -> None:
        """The teacher of this task."""
        if self.options.teacher == "frozen" or (self.options.teacher == "ema" and not self._teacher):
            self._teacher = copies(run.model)

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """An own answer to each prompt, whatever task it is of."""
        options = self.options
        groups = run.generate(
            batch, temperature=options.temperature, max_new_tokens=options.max_new_tokens, stream="sdft.samples"
        )
        said = [one.ids for (one,) in groups]
        rows = run.encode(batch, said)
        shown = [self._shown(one) for one in batch]
        told = run.encode(shown, said)
        for ids in run.tokenizer([one.prompt for one in shown])["input_ids"]:
            if len(ids) > run.protocol.max_prompt_tokens:
                run.warn(CUT)
        self._asked = {id(row): other for row, other in zip(rows, told, strict=True)}
        self._passes.own += len(batch)
        self._passes.all += len(batch) * (1 + 2 * FORWARD)
        return rows

    def _shown(self, one: Example) -> Example:
        """What the teacher is asked."""
        text = self.options.template.replace("{answer}", "\0").replace("{prompt}", one.prompt).replace("\0", one.answer)
        return replace(one, prompt=text, turns=(), shots=(), start=0)

    def own_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor:
        """The mean over the micro-batch's answers of each one's mean over tokens."""
        asked = collate([self._asked[id(row)] for row in run.rows], pad=0, device=run.device)
        with torch.no_grad(), evaluating(run.model):
            told = forward(run.model, asked, call=at(run.model, self._teacher)).logits
        each = divergence(output.logits, told, direction=self.options.divergence)
        return torch.stack([part.mean() for part in each.split([one.num_answer for one in run.rows])]).mean()

    def after_step(self, run: Run) -> None:
        """The average goes on; nothing of the step is kept."""
        self._asked = {}
        if self.options.teacher == "ema":
            follow(self._teacher, run.model, self.options.rate)

    def state_dict(self) -> dict[str, Any]:
        """The teacher's weights, where they are others than the model's."""
        return {"teacher": dict(self._teacher), "passes": asdict(self._passes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._teacher, self._passes = dict(state["teacher"]), Passes(**state["passes"])

    def footprint(self) -> Footprint:
        """Sampling and the teacher's pass; the teacher's weights."""
        return Footprint(extra_passes=self._passes.extra, stored_bytes=num_bytes(self._teacher))
