"""Which records a plan asks for: a board may hold runs of others, which are none of its study. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clbench.runs.record import Record
from clbench.spec.plan import Methods, PlanFile

RATE = "learning_rate"


def streams_of(plan: PlanFile, methods: Sequence[Methods] = ()) -> list[str]:
    """Its streams, or those of some of its methods, as it says them."""
    said = [one.run.get("stream", plan.run.get("stream", "trace")) for one in methods or plan.methods]
    return list(dict.fromkeys(map(str, said)))


def asked_for(plan: PlanFile, stream: str, record: Record) -> bool:
    """Whether some entry has this method, its options, and no others but those that are searched.

    Seeds and orders are no matter: a command line may ask for more of them than the file.
    """
    return any(
        is_one(one, record)
        and _agrees(said := _options(plan, one), record)
        and _changed(record) <= _free(plan, one) | {f"{member}.{key}" for member, own in said.items() for key in own}
        for one in plan.methods
        if streams_of(plan, [one]) == [stream]
    )


def is_one(methods: Methods, record: Record) -> bool:
    """Whether a run's method has the options by which the plan tells it from itself."""
    return record.method.name in methods.plugin and _agrees(methods.run.get("options", {}), record)


def _options(plan: PlanFile, methods: Methods) -> dict[str, dict[str, Any]]:
    """All that the plan gives these methods; what is said nearer wins."""
    common, own = plan.run.get("options", {}), methods.run.get("options", {})
    return {member: {**common.get(member, {}), **own.get(member, {})} for member in {**common, **own}}


def _agrees(options: Mapping[str, Mapping[str, Any]], record: Record) -> bool:
    """Whether the run has these options, of those methods that are members of its own."""
    own = record.method.options
    return all(
        _agree(own[member].get(key), value)
        for member, said in options.items()
        if member in own
        for key, value in said.items()
    )


def _agree(value: Any, said: Any) -> bool:
    """Methods may spell a name in their own way."""
    both = isinstance(value, str) and isinstance(said, str)
    return value.casefold() == said.casefold() if both else value == said


def _changed(record: Record) -> set[str]:
    """Options that are not the method's defaults, by `NAME.key`."""
    return {
        f"{member}.{key}"
        for member, own in record.method.options.items()
        if isinstance(own, Mapping)
        for key, value in own.items()
        if value != record.method.defaults.get(member, {}).get(key)
    }


def _free(plan: PlanFile, methods: Methods) -> set[str]:
    """Options that a search may set; a learning rate may always be another, of which the study says which it was."""
    grids = [plan.search.grid if plan.search else {}, methods.grid or {}]
    members = {part for plugin in methods.plugin for part in plugin.split("+")}
    named = {key for grid in grids for key in grid}
    return {name for name in named if "." in name} | {
        f"{member}.{key}" for member in members for key in (RATE, *(name for name in named if "." not in name))
    }
