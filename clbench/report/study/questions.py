"""What is asked of a plan's records, as a person writes it: the only words of a study that are not computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, field_validator

from clbench.base.errors import FileError, did_you_mean
from clbench.spec.frozen import Frozen
from clbench.spec.taskfiles import build, read_yaml

METRICS = ("op", "bwt.gem", "learning_accuracy", "retention.facts")
EVERY = "*"


class Ordering(NamedTuple):
    """A claim that one method is better than another.

    Args:
        worse: name of a method.
        better: name of another.
    """

    worse: str
    better: str

    def __str__(self) -> str:
        return f"{self.worse} < {self.better}"


class Question(Frozen):
    """One question to all streams of a plan.

    Args:
        ask: its heading.
        text: what should be known of it, such as who claims it.
        orderings: `sequential < mofo`, by names of methods; `sequential < *` is every other one.
        metrics: summaries of R in which each is looked at; the first is the claim's own.
    """

    ask: str
    text: str = ""
    orderings: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(default=METRICS, min_length=1)

    @field_validator("orderings")
    @classmethod
    def _are_orderings(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if len([part for part in one.split("<") if part.strip()]) != 2 or one.count("<") != 1:
                raise ValueError(f"{one}: must be of the form WORSE < BETTER, such as sequential < mofo")
        return value

    def over(self, methods: Iterable[str]) -> list[Ordering]:
        """The orderings, `*` written out.

        Args:
            methods: that have rows.
        """
        names, found = list(methods), []
        for worse, better in self.named():
            others = [one for one in names if one != worse] if better == EVERY else [better]
            found += [Ordering(worse, one) for one in others]
        return list(dict.fromkeys(found))

    def named(self) -> list[Ordering]:
        """The orderings as they are written."""
        return [Ordering(*(part.strip() for part in one.split("<"))) for one in self.orderings]


class Questions(Frozen):
    """A study in a person's words.

    Args:
        title: of the document.
        intro: what is asked of what.
        heat: methods whose R is shown.
        questions: in their order.
        limits: what the study does not show.
    """

    title: str
    intro: str = ""
    heat: tuple[str, ...] = ("sequential",)
    questions: tuple[Question, ...] = ()
    limits: str = ""


def read_questions(path: Path, *, methods: Sequence[str], metrics: Sequence[str]) -> Questions:
    """A file of questions.

    Args:
        path: of the file.
        methods: names that are known; `a+b` is known where both are.
        metrics: names of summaries.

    Raises:
        FileError: it is none, or names a method or summary that there is not; with what is wrong, and where.
    """
    found = build(Questions, read_yaml(path))
    asked = [name for one in found.questions for ordering in one.named() for name in ordering if name != EVERY]
    members = [part for name in (*found.heat, *asked) for part in name.split("+")]
    summaries = [name for one in found.questions for name in one.metrics]
    for kind, names, known in (("method", members, methods), ("metric", summaries, metrics)):
        for name in names:
            if name not in known:
                raise FileError(f"{path}: no {kind} {name!r}{did_you_mean(name, known)}")
    return found


def default_questions(plan: str, *, baseline: str) -> Questions:
    """What is asked where nobody has written questions: every method against one."""
    asked = Question(ask=f"What is better than {baseline}?", orderings=(f"{baseline} < {EVERY}",))
    return Questions(title=f"Plan {plan}", heat=(baseline,), questions=(asked,))
