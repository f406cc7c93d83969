"""`ssr`: self-synthesized rehearsal. Past tasks come back in records that the model has made up (arXiv 2403.01244).

Before each task, for each task before it: the base model, shown a few of the task's records, writes new prompts; the
present model answers them; they are mixed into the steps as replay mixes real ones. With the answers that were written
with the prompts instead it is the pseudo-replay that the paper compares with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, final

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_replay.memory import text_bytes
from clbench_replay.synthesis import cue, records, shown

if TYPE_CHECKING:
    import torch

FORWARD = 1 / 3  # of a forward and a backward pass


class SsrOptions(MethodOptions):
    """Options of `ssr`.

    Args:
        size: prompts that are asked for, for each past task.
        ratio: made-up records a step for each record of its batch; 0 is plain fine-tuning.
        shots: records of each past task that are kept, and shown to the writer.
        writer: who writes prompts: the `base` model, whose weights are kept, or the present `model`.
        answers: those of the present model, renewed before each task (`refined`), or those `written` with the prompts.
        temperature: of writing; answers are greedy.
        max_new_tokens: of a prompt.
    """

    size: int = Field(default=32, ge=1, le=100_000)
    ratio: float = Field(default=0.25, ge=0, le=100, allow_inf_nan=False)
    shots: int = Field(default=3, ge=1, le=64)
    writer: Literal["base", "model"] = "base"
    answers: Literal["refined", "written"] = "refined"
    temperature: float = Field(default=0.9, gt=0, le=10, allow_inf_nan=False)
    max_new_tokens: int = Field(default=160, ge=1, le=4096)

    @model_validator(mode="after")
    def _answers_can_be_told_from_prompts(self) -> Self:
        if self.answers == "written" and self.shots == 1:
            raise PydanticCustomError(
                "answers", "answers=written needs shots of at least 2, whose common end tells where an answer begins"
            )
        return self


@final
class Ssr(Method):
    """A memory of a few real records a task, and of as many made-up ones as the model has it in it to write."""

    Options: ClassVar[type[MethodOptions]] = SsrOptions
    options: SsrOptions

    def __init__(self, options: SsrOptions | None = None) -> None:
        super().__init__(options)
        self._shots: dict[str, list[Example]] = {}
        self._made: dict[str, list[Example]] = {}
        self._room: dict[str, int] = {}  # records that a task may have: no more than it had
        self._base: dict[str, torch.Tensor] = {}
        self._counts = {"own": 0, "mixed": 0, "generated": 0}  # examples; answers and prompts

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Make up records of the tasks before, and have them answered by the model as it is now."""
        if not self.options.ratio:
            return
        if self.options.writer == "base" and not self._base:
            self._base = {name: p.detach().clone() for name, p in run.model.named_parameters() if p.requires_grad}
        for task, shots in self._shots.items():
            if task not in self._made:
                self._made[task] = self._written(run, task, shots)
            if self.options.answers == "refined":
                self._made[task] = self._answered(run, self._made[task])
            if not self._made[task]:
                run.warn(f"ssr: {task}: of what the model wrote nothing is a new record, so nothing of it is rehearsed")
        if self._shots:
            run.note("ssr", {"made": {task: len(found) for task, found in self._made.items()}, **self._counts})

    def _written(self, run: Run, task: str, shots: Sequence[Example]) -> list[Example]:
        """New records of a task; with the answers that are written, those that have one."""
        asked = [shown(shots, rng=run.rng("ssr.order", task, number)) for number in range(self.options.size)]
        with at(run.model, self._base):
            found = run.generate(
                asked,
                temperature=self.options.temperature,
                max_new_tokens=self.options.max_new_tokens,
                stream=f"ssr.prompts.{task}",
            )
        self._counts["generated"] += len(asked)
        refined = self.options.answers == "refined"
        if not refined and not cue(shots):
            run.warn(f"ssr: {task}: prompts have no end in common, so no written answer can be told from them")
        made = records((one.text for (one,) in found), shots=shots)
        return [Example(task, *one) for one in made if refined or one[1].strip()][: self._room[task]]

    def _answered(self, run: Run, records: Sequence[Example]) -> list[Example]:
        """The same prompts with the present model's answers; those that it has none for go."""
        self._counts["generated"] += len(records)
        found = run.generate(records, temperature=0, stream="ssr.answers")
        return [Example(one.example.task, one.example.prompt, one.text) for (one,) in found if one.text]

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch, and a fresh sample of what was made up."""
        self._counts["own"] += len(batch)
        made = [one for found in self._made.values() for one in found]
        number = min(round(self.options.ratio * len(batch)), len(made))
        if not number:
            return batch
        self._counts["mixed"] += number
        return [*batch, *run.rng("ssr.batch", run.step).sample(made, number)]

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep the few records that the task's others will be made of."""
        if not self.options.ratio:
            return
        kept = min(self.options.shots, len(data))
        self._shots[experience.task] = run.rng("ssr.shots", experience.index).sample(list(data), kept)
        self._room[experience.task] = min(self.options.size, len(data) - kept)

    def state_dict(self) -> dict[str, Any]:
        """Records, the writer's weights, counts."""
        records = {
            name: {task: [one.to_json() for one in found] for task, found in memory.items()}
            for name, memory in (("shots", self._shots), ("made", self._made))
        }
        return {**records, "room": dict(self._room), "base": dict(self._base), "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._shots, self._made = (
            {task: [Example.from_json(one) for one in found] for task, found in state[name].items()}
            for name in ("shots", "made")
        )
        self._room, self._base, self._counts = dict(state["room"]), dict(state["base"]), dict(state["counts"])

    def footprint(self) -> Footprint:
        """All records, real and made up; the writer's weights; generation and what is mixed in, an own example."""
        records = [one for memory in (self._shots, self._made) for found in memory.values() for one in found]
        more = self._counts["mixed"] + self._counts["generated"] * FORWARD
        return Footprint(
            stored_examples=len(records),
            stored_bytes=text_bytes(records) + sum(one.nbytes for one in self._base.values()),
            extra_passes=more / max(1, self._counts["own"]),
        )


@contextlib.contextmanager
def at(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """The model with other weights in the place of its own; afterwards its own storage again."""
    params = {name: p for name, p in model.named_parameters() if name in weights}
    kept = {name: p.data for name, p in params.items()}
    try:
        for name, p in params.items():
            p.data = weights[name].to(p.device)
        yield
    finally:
        for name, p in params.items():
            p.data = kept[name]
