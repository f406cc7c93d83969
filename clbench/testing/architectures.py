"""A method on other architectures than the kit's Llama: it works, or it is refused in a line that says why."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clbench.base.errors import ClbenchError
from clbench.testing.families import FAMILIES, Family, family

if TYPE_CHECKING:
    from clbench.testing.subject import Subject
    from clbench.testing.trial import Trial

SIZES = (8, 8)  # training examples of the two tasks: six steps
TABLE = 17  # the first families, those of docs/models.md


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a method fared on one architecture.

    Args:
        family: its name.
        status: `works`, `refused` (in one line, exit code 2) or `fails`.
        reason: what was said.
    """

    family: str
    status: Literal["works", "refused", "fails"]
    reason: str = ""


def choose(names: Collection[str]) -> tuple[Family, ...]:
    """Families by name or model type; `all` are all causal ones.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if "all" in names:
        return tuple(one for one in FAMILIES if one.causal)
    return tuple(family(name) for name in names)


def attempts(subject: Subject, families: Sequence[Family]) -> Iterator[Attempt]:
    """Six steps over two tasks on each, as they come."""
    from clbench.testing import trial

    for one in families:
        done = trial.run(subject.choice, subject.options, registry=subject.registry, sizes=SIZES, family=one)
        yield _attempt(one, done, trains=subject.choice.regime != "frozen")


def _attempt(one: Family, done: Trial, *, trains: bool) -> Attempt:
    from clbench.testing.subject import one_line

    error = done.error
    if isinstance(error, ClbenchError) and error.exit_code == 2:
        return Attempt(one.name, "refused", str(error))
    if error is not None:
        return Attempt(one.name, "fails", one_line(error))
    if not all(map(math.isfinite, done.losses)):
        return Attempt(one.name, "fails", "a loss is no number")
    weights, before = done.sight.weights, done.sight.before
    if trains and any(done.losses) and all(weights[name].equal(old) for name, old in before.items()):
        return Attempt(one.name, "fails", "no weight has changed")
    return Attempt(one.name, "works")
