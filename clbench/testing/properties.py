"""The properties of a conforming method: each a function that returns, or says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from traceback import format_exception
from typing import Literal, NamedTuple

from clbench.base.errors import ClbenchError, PluginError, unknown_name
from clbench.testing import behaviour, conduct, fresh, registration
from clbench.testing.subject import Failed, Skipped, Subject, one_line


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Args:
        name: short, for tables and test ids.
        holds: raises `Failed` or `Skipped`.
    """

    name: str
    holds: Callable[[Subject], None]

    @property
    def meaning(self) -> str:
        """One line."""
        return (self.holds.__doc__ or "").strip().splitlines()[0]


PROPERTIES: tuple[Property, ...] = tuple(
    Property(one.__name__.replace("_", "-"), one)
    for one in (
        registration.loads,
        registration.light,
        registration.options,
        behaviour.learns,
        behaviour.repeats,
        behaviour.resumes,
        behaviour.state,
        behaviour.identity,
        behaviour.accumulates,
        behaviour.one_example,
        conduct.footprint,
        conduct.memory,
        conduct.randomness,
        conduct.no_peeking,
        conduct.asking,
        conduct.no_writing,
        conduct.leaves_nothing,
        conduct.functions,
        conduct.no_secrets,
        fresh.answers,
    )
)


def choose(names: Collection[str] | None) -> tuple[Property, ...]:
    """Some properties, in the order of the table; None: all.

    Raises:
        UnknownNameError: there is none of that name.
    """
    known = [prop.name for prop in PROPERTIES]
    for name in names or ():
        if name not in known:
            raise unknown_name("property", name, known)
    return tuple(prop for prop in PROPERTIES if names is None or prop.name in names)


class Settled(NamedTuple):
    """How a property came out: `passed`, `failed` or `skipped`, why, and the traceback of what a run raised."""

    status: Literal["passed", "failed", "skipped"]
    reason: str = ""
    traceback: str = ""


def settle(subject: Subject, prop: Property) -> Settled:
    """Whether it holds, and why not."""
    try:
        if prop.holds is not registration.loads:
            _ = subject.choice
        prop.holds(subject)
    except Failed as error:
        cause = error.__cause__
        return Settled("failed", str(error), "" if cause is None else "".join(format_exception(cause)))
    except Skipped as error:
        return Settled("skipped", str(error))
    except PluginError:
        return Settled("skipped", "it does not load")
    except ClbenchError as error:
        return Settled("failed", one_line(error), "".join(format_exception(error)))
    return Settled("passed")
