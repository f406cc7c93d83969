"""The points of a grid of options: as many for each method, the same in every process. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clbench.base.errors import OptionError

Point = dict[str, Any]
"""`NAME.key` of an option to its value."""


def grid_of(method: str, *, common: Mapping[str, Sequence[Any]], own: Mapping[str, Sequence[Any]] | None) -> Point:
    """What is searched for one method: the options of the common grid that it has, and its own.

    Args:
        method: its name, `a+b` of a composition, whose first member has the options without a name before them.
        common: of all methods; options of other methods are left out.
        own: of this method; empty: nothing is searched.

    Raises:
        OptionError: an own option is of another method.
    """
    if own is not None and not own:
        return {}
    members = [part.strip() for part in method.split("+")]
    named = [{_full(key, members): values for key, values in part.items()} for part in (common, own or {})]
    for key in named[1]:
        if key.partition(".")[0] not in members:
            raise OptionError(f"grid of {method}: {key} is no option of it; options are written NAME.key")
    return {key: values for key, values in {**named[0], **named[1]}.items() if key.partition(".")[0] in members}


def _full(key: str, members: Sequence[str]) -> str:
    return key if "." in key else f"{members[0]}.{key}"


def points(method: str, grid: Mapping[str, Sequence[Any]], *, trials: int | None) -> list[Point]:
    """All of a grid, or `trials` of it, drawn once and for all.

    Raises:
        OptionError: the grid has fewer points than trials.
    """
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if trials is None or trials == len(every):
        return every
    if len(every) < trials:
        raise OptionError(f"grid of {method}: has {len(every)} points for {trials} trials; add values, or lower trials")
    drawn = random.Random(f"clbench trials {method}").sample(range(len(every)), trials)
    return [every[index] for index in sorted(drawn)]


def dotted(sections: Mapping[str, Any]) -> Point:
    """Options as a plan has them: `{mofo: {fraction: 0.1}}` as `{mofo.fraction: 0.1}`; what has no section stays."""
    found: Point = {}
    for key, value in sections.items():
        found |= {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
    return found


def check_equal(sizes: Iterable[tuple[str, int]]) -> None:
    """Whether every method has as many trials.

    Raises:
        OptionError: one has more than another.
    """
    found = list(sizes)
    if len({number for _, number in found}) > 1:
        listed = ", ".join(f"{name} {number}" for name, number in found)
        raise OptionError(f"search: every method gets as many trials; the grids have {listed} points: set trials")
