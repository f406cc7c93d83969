"""The conformance kit: what must hold for every method, checked on a small stream with a random model, offline.

In a plugin's tests:

    from clbench.testing import conformance

    test_conformance = conformance("mofo", identity={"mofo.fraction": 1})

On the command line: `clbench check mofo --identity mofo.fraction=1`. What each property means, and what cannot be
found out this way, is in `docs/conformance.md`.

In: a method's name and options. Out: an `Outcome` a property. The names here are public; a property that is made
stricter can fail packages that passed, so it is said in the changelog.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clbench.base.errors import OptionError, PluginError

if TYPE_CHECKING:
    from clbench.plugins.registry import Registry
    from clbench.testing.subject import Subject

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one property came out.

    Args:
        name: of the property.
        meaning: one line.
        status: `passed`, `failed` or `skipped`.
        reason: why it failed or was skipped.
        traceback: of what the method raised, where that is the reason.
    """

    name: str
    meaning: str
    status: Status
    reason: str = ""
    traceback: str = ""


def check(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
    properties: Collection[str] | None = None,
) -> list[Outcome]:
    """Check a method or composition.

    Args:
        name: as `--plugin` takes it.
        options: for all runs, as `{"mofo.fraction": 0.1}`.
        identity: options with which it is plain fine-tuning; without them that property is skipped.
        registry: that knows the method; this process's own if it is left out.
        properties: names of those to look at; all if it is left out. Only the runs that they need are made.

    Raises:
        ClbenchError: there is no such method or property, or the options are wrong.
    """
    subject = make_subject(name, options=options, identity=identity, registry=registry)
    return list(outcomes(subject, properties=properties))


def outcomes(subject: Subject, *, properties: Collection[str] | None = None) -> Iterator[Outcome]:
    """Property by property, as they come."""
    from clbench.testing.properties import choose, settle

    for prop in choose(properties):
        yield Outcome(prop.name, prop.meaning, *settle(subject, prop))


def number_of_properties(properties: Collection[str] | None = None) -> int:
    """How many outcomes there will be."""
    from clbench.testing.properties import choose

    return len(choose(properties))


def make_subject(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> Subject:
    """What is to be checked; see `check`."""
    from clbench.plugins.registry import check_option_names
    from clbench.plugins.registry import registry as own
    from clbench.testing.subject import Subject

    subject = Subject(
        name, _by_method(options or {}), None if identity is None else _by_method(identity), registry or own()
    )
    try:
        choice = subject.choice
        for given in (subject.options, subject.identity or {}):
            check_option_names(given, [choice])
            choice.create(given)
    except PluginError:
        pass  # it is there, and broken: that is a property
    return subject


def _by_method(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"mofo.fraction": 1}` as `{"mofo": {"fraction": 1}}`."""
    parted: dict[str, dict[str, Any]] = {}
    for key, value in options.items():
        method, dot, option = key.partition(".")
        if not dot:
            raise OptionError(f"option {key!r}: must be of the form NAME.key")
        parted.setdefault(method, {})[option] = value
    return parted


def conformance(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
    properties: Collection[str] | None = None,
) -> Callable[..., None]:
    """A test for pytest with one case a property; they share their runs. See `check`."""
    import pytest

    from clbench.testing.properties import Property, choose, settle

    subjects: list[Subject] = []

    @pytest.mark.parametrize("prop", choose(properties), ids=lambda prop: prop.name)
    def test(prop: Property) -> None:
        if not subjects:
            subjects.append(make_subject(name, options=options, identity=identity, registry=registry))
        status, reason, traceback = settle(subjects[0], prop)
        if status == "skipped":
            pytest.skip(reason)
        if status == "failed":
            pytest.fail(f"{prop.name}: {reason} (must hold: {prop.meaning})\n{traceback}".rstrip(), pytrace=False)

    return test
