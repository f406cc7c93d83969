r"""A task: what is asked and how it is scored. One YAML file under `tasks/`, or a block of a user's stream file.

    task: trace/fomc
    language: en
    data: {trace: FOMC, mini: fomc}              # where each source finds its records
    template: {prefix: "…", suffix: "\nStance:", answer: "[ABC]"}
    scorers: {strict: exact, lenient: letter}
    max_new_tokens: 4

Scores are on 0–1 whatever the scorer; an answer is scored by `strict` (what boards rank by) and by `lenient`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from clbench.errors import pydantic_line

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?$", max_length=80)]


class Frozen(BaseModel):
    """Base of everything that a user writes: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=20_000)


class Template(Frozen):
    """The fixed words around a record's content, checked when data are added.

    Args:
        prefix: what every prompt begins with.
        suffix: what every prompt ends with, the answer cue.
        answer: regular expression that every answer fits as a whole.
    """

    prefix: str = ""
    suffix: str = ""
    answer: str = r"(?s).*"

    @field_validator("answer")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return value

    def fits(self, *, prompt: str, answer: str) -> bool:
        """Whether a record has this form."""
        framed = prompt.startswith(self.prefix) and prompt.endswith(self.suffix)
        return framed and len(prompt) >= len(self.prefix) + len(self.suffix) and bool(re.fullmatch(self.answer, answer))


class Scorers(Frozen):
    """Names of scorers: `strict` ranks, `lenient` tells answer-format drift from forgetting."""

    strict: str
    lenient: str | None = None

    def pairs(self) -> dict[str, str]:
        """Role to scorer name; a task without a lenient one is scored by `strict` twice."""
        return {"strict": self.strict, "lenient": self.lenient or self.strict}


class Extract(Frozen):
    """Where in a prediction the answer stands, for tasks that also ask for reasons.

    Args:
        after: the answer is what follows the first of these that occurs.
        before: the answer ends where the first of these occurs.
    """

    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    def __call__(self, prediction: str) -> str:
        """The part to score; the whole prediction where no marker occurs."""
        starts = [prediction.find(marker) + len(marker) for marker in self.after if marker in prediction]
        text = prediction[min(starts) :] if starts else prediction
        ends = [text.find(marker) for marker in self.before if marker in text]
        return text[: min(ends)] if ends else text


class Files(Frozen):
    """JSON or JSONL files of `{"prompt", "answer"}` records, relative to the file that names them."""

    train: str | None = None
    test: str
    eval: str | None = None


class Task(Frozen):
    """What is asked and how it is scored.

    Args:
        task: the name, `family/name`.
        version: raised whenever a score could change.
        summary: one line for people.
        language: ISO code, or `code/python`.
        data: for each source of records, where it finds this task: `trace` and `mini` a name, `files` paths.
        template: the prompt's fixed words.
        measure: `generate` an answer and score it, or the mean `loss` of the given one (probes only; lower is better).
        scorers: how an answer is scored.
        side: further scorers, reported and never ranked by.
        extract: where in a prediction the answer stands.
        max_new_tokens: greedy decoding stops here.
        budgets: published numbers of epochs by name (`paper-ft`, `paper-lora`, `script`).
        rows: for each variant, the number of records that its splits must have.
        source: paper and metric's origin.
        license: of the records.
        variants: changes to the above in one variant of a stream.
    """

    task: Name
    version: int = Field(default=1, ge=1)
    summary: str = ""
    language: str = "en"
    data: dict[str, str | Files]
    template: Template = Template()
    measure: Literal["generate", "loss"] = "generate"
    scorers: Scorers
    side: tuple[str, ...] = ()
    extract: Extract = Extract()
    max_new_tokens: int = Field(default=64, ge=1, le=4096)
    budgets: dict[str, Annotated[int, Field(ge=1)]] = {}
    rows: dict[str, dict[str, int]] = {}
    source: str = ""
    license: str = ""
    variants: dict[str, dict[str, Any]] = {}

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return self.task.replace("/", "--")

    @model_validator(mode="after")
    def _variants_are_tasks(self) -> Task:
        for variant in self.variants:
            try:
                self.in_variant(variant)
            except ValidationError as error:
                raise ValueError(f"variants.{variant}.{pydantic_line(error)}") from error
        return self

    def in_variant(self, variant: str) -> Task:
        """This task as one variant of a stream has it; most variants change nothing."""
        changes = self.variants.get(variant)
        if changes is None:
            return self
        own = self.model_dump(exclude_unset=True, exclude={"variants"})
        return Task.model_validate(own | changes)

    def identity(self) -> dict[str, Any]:
        """What a score depends on, for hashing: not the words for people, not the published budgets."""
        return self.model_dump(
            mode="json", exclude={"summary", "source", "license", "budgets", "rows", "variants", "language"}
        )
