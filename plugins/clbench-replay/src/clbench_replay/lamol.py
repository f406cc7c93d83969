"""`lamol`: language modelling for lifelong learning; the model writes its past records itself (arXiv 1909.03329).

    L = L_QA + λ L_LM                                       one model is trained to answer, and to write its records
    L_LM: [GEN i] → x [ANS] y, all tokens;  L_QA: x → y, the answer's      (section 3.1), each a mean over its tokens

Before task t the model, asked with [GEN i], writes γ·|T_t|/(t − 1) records of each past task i; they are trained on
beside the task's own, in both ways (section 3.3, with a token for each task). The markers are words, not new tokens of
the vocabulary, and a task's number is its place in the stream: nobody is told its name, and no answer depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_replay.memory import text_bytes
from clbench_replay.ssr import FORWARD
from clbench_replay.weighing import weighed

if TYPE_CHECKING:
    from clbench.data.tokenising import Encoded

ANSWER = "[ANS]"
WRITER = "lamol"  # whose records are asked for: of no task, so that no task's own stops cut them


class LamolOptions(MethodOptions):
    """Options of `lamol`; the authors' λ and γ.

    Args:
        lm_weight: λ; 0 trains no language model, so that nothing can be written: plain fine-tuning.
        share: γ, records that are written and trained on, for each of the present task's.
        temperature: of writing. The authors draw from the 20 likeliest tokens; here all can be drawn.
    """

    lm_weight: float = Field(default=0.25, ge=0, le=100, allow_inf_nan=False)
    share: float = Field(default=0.2, ge=0, le=100, allow_inf_nan=False)
    temperature: float = Field(default=1.0, gt=0, le=10, allow_inf_nan=False)


@final
class Lamol(Method):
    """Keeps nothing of the past but what the model has learned of it."""

    Options: ClassVar[type[MethodOptions]] = LamolOptions
    options: LamolOptions

    def __init__(self, options: LamolOptions | None = None) -> None:
        super().__init__(options)
        self._learned: dict[str, int] = {}  # past tasks, by the number that they are asked for with
        self._made: list[Example] = []  # of the present task
        self._counts = {"own": 0, "added": 0, "generated": 0}  # records, rows beside them, records that were asked for

    def training_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """Have the past written, by the model as the past has left it."""
        if self.options.lm_weight and self._learned:
            number = max(1, round(self.options.share * len(data) / len(self._learned))) if self.options.share else 0
            self._made = [one for task in self._learned for one in self._written(run, task, number)]
            told = {task: sum(one.task == task for one in self._made) for task in self._learned}
            run.note("lamol", {"asked": number, "made": told, **self._counts})
            for task in (one for one, made in told.items() if number and not made):
                run.warn(f"lamol: {task}: of what the model wrote nothing is a record, so nothing of it is rehearsed")
        return data

    def _written(self, run: Run, task: str, number: int) -> list[Example]:
        """Records of a past task; what is no record, or has no end, is none."""
        self._counts["generated"] += number
        asked = [Example(WRITER, marker(self._learned[task]), "")] * number
        found = run.generate(
            asked,
            temperature=self.options.temperature,
            max_new_tokens=_longest(run),
            stream=f"lamol.records.{self._learned[task]}",
        )
        records = (as_record(one.text, task=task) for (one,) in found if not one.truncated)
        return [one for one in records if one is not None]

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """The batch and some of what was written, each to be answered and to be written."""
        options = self.options
        self._counts["own"] += len(batch)
        if not options.lm_weight:
            return batch
        number = min(round(options.share * len(batch)), len(self._made))
        records = [*batch, *run.rng("lamol.batch", run.step).sample(self._made, number)]
        answering = run.encode(records, [one.answer for one in records])
        writing = self._to_write(run, records)
        self._counts["added"] += 2 * len(records) - len(batch)
        return weighed([(answering, 1.0), (writing, options.lm_weight)])

    def _to_write(self, run: Run, records: Sequence[Example]) -> list[Encoded]:
        """Rows of L_LM: as a long prompt, a long record loses its beginning."""
        present = 0 if run.experience is None else run.experience.index
        asked = [Example(one.task, marker(self._learned.get(one.task, present)), "") for one in records]
        texts = run.tokenizer([as_text(one) for one in records], add_special_tokens=False, verbose=False)["input_ids"]
        return run.encode(asked, [(*ids[1 - _longest(run) :], run.tokenizer.eos_token_id) for ids in texts])

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """The task can be asked for from here on; what was written is forgotten."""
        self._learned.setdefault(experience.task, experience.index)
        self._made = []

    def state_dict(self) -> dict[str, Any]:
        """Tasks, what was written for the present one, counts."""
        return {
            "learned": dict(self._learned),
            "made": [one.to_json() for one in self._made],
            "counts": dict(self._counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._learned, self._counts = dict(state["learned"]), dict(state["counts"])
        self._made = [Example.from_json(one) for one in state["made"]]

    def footprint(self) -> Footprint:
        """What was written, while it is trained on; a second row for each record, written ones, and their writing."""
        more = self._counts["added"] + self._counts["generated"] * FORWARD
        return Footprint(stored_bytes=text_bytes(self._made), extra_passes=more / max(1, self._counts["own"]))


def marker(number: int) -> str:
    """[GEN i], which asks for a record of the i-th task."""
    return f"[GEN {number}]"


def as_text(one: Example) -> str:
    """X [ANS] y."""
    return f"{one.prompt}{ANSWER}{one.answer}"


def as_record(text: str, *, task: str) -> Example | None:
    """What `as_text` gives, read back; None where a part is missing."""
    prompt, _, answer = text.partition(ANSWER)
    return Example(task, prompt, answer) if prompt.strip() and answer.strip() else None


def _longest(run: Run) -> int:
    """Tokens of a record that is written: as many as one has that is asked and answered."""
    return run.protocol.max_prompt_tokens + run.protocol.max_answer_tokens
