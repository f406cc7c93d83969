"""A plan as it is carried out: arms, each a method with its trials and what is reported of it.

A plan file is a list of requests with what they have in common; a command line is a plan of one request. So there is
one way from words to runs, and one to carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clbench.base.errors import OptionError
from clbench.engine.request import Request
from clbench.plans.grid import Point, check_equal, grid_of, points
from clbench.spec.plan import Methods, PlanFile, Search
from clbench.spec.wording import many

ALTERNATIVES = (("seed", "seeds"), ("order", "orders"))


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked for at once: some methods on one stream.

    Args:
        request: of what is reported, with all its methods.
        trials: of each method, the points of its grid; empty where nothing is searched.
        name: of its one method, where that has one of its own.
    """

    request: Request
    trials: Mapping[str, list[Point]] = field(default_factory=dict)
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to run.

    Args:
        name: of the plan; empty for a command line.
        parts: in their order.
        search: how settings are chosen, where they are.
        reported: whether what was chosen is run, or only the search.
    """

    name: str
    parts: tuple[Part, ...]
    search: Search | None = None
    reported: bool = True

    @property
    def request(self) -> Request:
        """Of the first part: where things are is the same in all."""
        return self.parts[0].request


def of_request(request: Request) -> Plan:
    """The plan that a command line is."""
    return Plan("", (Part(request),))


def of_file(file: PlanFile, given: Mapping[str, Any], *, reported: bool = True) -> Plan:
    """The plan of a file; what is given on the command line wins.

    Args:
        file: what it says.
        given: options of `clbench run`, without methods.
        reported: whether what was chosen is run.

    Raises:
        OptionError: an option that there is not, methods beside the file's, or grids that are not fair.
    """
    for name in ("plugin", "preset"):
        if name in given:
            raise OptionError(f"--{name}: the methods stand in plan {file.plan}; give it, or a plan")
    parts = [Part(_request(file, one, given), _trials(file.search, one), one.name) for one in file.methods]
    if file.search is not None:
        _check(file.search, parts)
    return Plan(file.plan, tuple(parts), file.search, reported)


def _request(file: PlanFile, methods: Methods, given: Mapping[str, Any]) -> Request:
    said = over(over(file.run, methods.run), given)
    try:
        return Request.of(**{**said, "plugin": methods.plugin})
    except OptionError as error:
        raise OptionError(f"plan {file.plan}, {', '.join(methods.plugin)}: {error}") from error


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `clbench run` over others: sections key by key, and one way to name seeds over the other."""
    made = {**below, **above}
    for pair in ALTERNATIVES:
        if any(name in above for name in pair):
            for name in set(pair) - above.keys():
                made.pop(name, None)
    for name in ("options", "settings"):
        lower, upper = below.get(name, {}), above.get(name, {})
        sections = {key: {**lower.get(key, {}), **upper.get(key, {})} for key in (*lower, *upper)}
        made |= {name: sections} if sections else {}
    return made


def _trials(search: Search | None, methods: Methods) -> dict[str, list[Point]]:
    if search is None:
        return {}
    grids = {name: grid_of(name, common=search.grid, own=methods.grid) for name in methods.plugin}
    return {name: points(name, grid, trials=search.trials) for name, grid in grids.items() if grid}


def _check(search: Search, parts: list[Part]) -> None:
    """Fair, and chosen by what is not reported."""
    sizes = [(name, len(found)) for part in parts for name, found in part.trials.items()]
    if not sizes:
        raise OptionError("search: no method has a grid; give one, or leave the search out")
    check_equal(sizes)
    for part in parts:
        reported = set(many(part.request.seed)) or set(range(part.request.seeds or 1))
        if part.trials and (shared := sorted(reported & set(search.seeds))):
            raise OptionError(f"search.seeds: {shared[0]} is reported, too; a choice is made on seeds of its own")


def search_request(part: Part, search: Search) -> Request:
    """What all trials have in common: validation records, the search's seeds, one order, methods that are searched."""
    said = _said(part.request)
    kept = {name: one for name, one in said.items() if name not in ("save_model", "order", "orders")}
    made = over(over(kept, search.run), {"seed": search.seeds, "split": "eval", "plugin": tuple(part.trials)})
    members = {member for name in part.trials for member in members_of(name)}
    options = {name: one for name, one in made.get("options", {}).items() if name in members}
    return Request.of(**{**made, "options": options})


def _said(request: Request) -> dict[str, Any]:
    return request.model_dump(include=request.model_fields_set, by_alias=True)


def members_of(method: str) -> list[str]:
    """`a+b` as `a` and `b`."""
    return [part.strip() for part in method.split("+")]


def single(request: Request, *, method: str, point: Point) -> Request:
    """A request of one method of it, with a point of its grid."""
    members = members_of(method)
    options = {name: dict(one) for name, one in request.options.items() if name in members}
    for key, value in point.items():
        name, _, option = key.partition(".")
        options.setdefault(name, {})[option] = value
    return Request.of(**{**_said(request), "plugin": (method,), "options": options})
