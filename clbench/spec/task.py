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

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from clbench.base import patterns
from clbench.base.errors import pydantic_line
from clbench.spec import templates
from clbench.spec.forms import Form
from clbench.spec.frozen import Frozen

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?$", max_length=80)]


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
        patterns.check(value)
        return value

    def fits(self, *, prompt: str, answer: str) -> bool:
        """Whether a record has this form."""
        framed = prompt.startswith(self.prefix) and prompt.endswith(self.suffix)
        roomy = len(prompt) >= len(self.prefix) + len(self.suffix)
        return framed and roomy and bool(patterns.fullmatch(self.answer, answer))


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
    """Files of records (`docs/tasks.md` says of which kinds).

    Paths are relative to the stream file that names them where they lie beside it, else to `--data`.

    Args:
        train: records to learn from.
        test: records to score on.
        eval: records to choose settings by.
        shots: records that a few-shot prompt begins with.
        worked: a text that it begins with instead, by group: `bbh/cot-prompts/{group}.txt`. What stands before a line
            of five hyphens is left out.
    """

    train: str | None = None
    test: str
    eval: str | None = None
    shots: str | None = None
    worked: str | None = None

    @model_serializer(mode="wrap")
    def _only_what_is_used(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that tasks which have no shots keep their hash."""
        return {k: v for k, v in handler(self).items() if k not in {"shots", "worked"} or v is not None}


class HubSplit(Frozen):
    """A split of another data set than the one it stands beside.

    Args:
        path: id of the data set.
        config: its configuration.
        revision: commit or tag; the newest when left out.
        split: which one.
    """

    path: str
    config: str | None = None
    revision: str | None = None
    split: str = "test"


class Hub(Frozen):
    """A data set of the Hugging Face Hub, or a folder that `datasets` reads as one.

    Args:
        path: its id.
        config: its configuration; of several, all are read, and each record gets a column `config`.
        revision: commit or tag; the newest when left out.
        train: split to learn from.
        test: split to score on; it may be another data set's.
        shots: split that a few-shot prompt begins with; likewise.
    """

    path: str
    config: str | tuple[str, ...] | None = None
    revision: str | None = None
    train: str | None = None
    test: str | HubSplit = "test"
    shots: str | HubSplit | None = None


Locator = str | Files | Hub


class Task(Frozen):
    """What is asked and how it is scored.

    Args:
        task: the name, `family/name`.
        version: raised whenever a score could change.
        summary: one line for people.
        language: ISO code, or `code/python`.
        data: for each source of records, where it finds this task: `trace` and `mini` a name, `files` paths, `hub` a
            data set.
        forms: how a record's columns become a prompt and an answer; a record has just these two when there are none.
        shots: solved examples before each question.
        preamble: template of what stands before all, over `group`.
        separator: between the shots, and before the question.
        template: the prompt's fixed words.
        measure: `generate` an answer and score it; which of the choices is the likeliest (`choice`); or the mean
            `loss` of the given answer (probes only; lower is better).
        scorers: how an answer is scored.
        side: further scorers, reported and never ranked by.
        extract: where in a prediction the answer stands.
        max_new_tokens: greedy decoding stops here.
        stop: and where one of these texts was written.
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
    data: dict[str, Locator]
    forms: tuple[Form, ...] = ()
    shots: int = Field(default=0, ge=0, le=64)
    preamble: str = ""
    separator: str = "\n\n"
    template: Template = Template()
    measure: Literal["generate", "choice", "loss", "external"] = "generate"
    scorers: Scorers
    side: tuple[str, ...] = ()
    extract: Extract = Extract()
    max_new_tokens: int = Field(default=64, ge=1, le=4096)
    stop: tuple[str, ...] = ()
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

    @field_validator("preamble")
    @classmethod
    def _is_template(cls, value: str) -> str:
        templates.check(value)
        return value

    @model_validator(mode="after")
    def _measure_has_what_it_needs(self) -> Task:
        if self.measure == "choice" and any(not form.choices for form in self.forms):
            raise ValueError("measure: choice needs `choices` in every form")
        if self.measure == "choice" and not self.forms:
            raise ValueError("measure: choice needs `forms` with `choices`")
        if (self.measure == "loss") != self.name.endswith("text"):
            raise ValueError("task: what measures a loss has a name that ends in `text`, and nothing else has")
        if self.shots and not self.forms:
            raise ValueError("shots: need `forms`")
        return self

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
        """What a score depends on, for hashing: not the words for people, not the published budgets.

        What came later than version 1 counts only where it is set, so that older results keep their boards.
        """
        unset = {name for name in LATER if getattr(self, name) == type(self).model_fields[name].default}
        words = {"summary", "source", "license", "budgets", "rows", "variants", "language"}
        found = self.model_dump(mode="json", exclude={*words, *unset})
        for form in found.get("forms", ()):
            if not form["keep"]:
                del form["keep"]
        return found


LATER = {"forms", "shots", "preamble", "separator", "stop"}
