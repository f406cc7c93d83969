"""Which trial is chosen: the best mean of one summary among those that keep a floor of others. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from clbench.base.errors import OptionError, RunError, did_you_mean
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.summaries import SummarySpec, compute
from clbench.plans.grid import Point, dotted
from clbench.spec.plan import Search


@dataclass(frozen=True, slots=True)
class Scored:
    """A trial that is over.

    Args:
        point: of the grid.
        values: what the rule looks at, the means over its seeds; None where a run failed or R lacks what it needs.
    """

    point: Point
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search chose for a method.

    Args:
        method: its name.
        point: the chosen one.
        trials: all of them, in the grid's order.
        stream: with its variant, that they learned.
    """

    method: str
    point: Point
    trials: Sequence[Scored]
    stream: str = ""

    @property
    def edges(self) -> dict[str, Literal["lowest", "highest"]]:
        """Options of which the lowest or highest number that was tried was chosen: a better one may lie beyond."""
        found: dict[str, Literal["lowest", "highest"]] = {}
        points = [dotted(one.point) for one in self.trials]
        for key, value in dotted(self.point).items():
            tried = [number for one in points if (number := _number(one.get(key))) is not None]
            if len(set(tried)) > 1 and (chosen := _number(value)) in (min(tried), max(tried)):
                found[key] = "lowest" if chosen == min(tried) else "highest"
        return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def check_rule(search: Search, summaries: Sequence[SummarySpec]) -> None:
    """Before anything is run.

    Raises:
        OptionError: a summary that there is not.
    """
    known = [spec.name for spec in summaries]
    for place, names in {"pick": [search.pick], "floor": list(search.floor)}.items():
        for name in names:
            if name not in known:
                raise OptionError(f"search.{place}: no summary {name!r}{did_you_mean(name, known)}")


def scored(
    point: Point, matrices: Sequence[ResultMatrix | None], search: Search, specs: Sequence[SummarySpec]
) -> Scored:
    """What the rule looks at of one trial; None for a run that failed."""
    wanted = [spec for spec in specs if spec.name == search.pick or spec.name in search.floor]
    found = [
        compute(matrix, wanted)[0] if matrix else dict.fromkeys(spec.name for spec in wanted) for matrix in matrices
    ]
    return Scored(point, {spec.name: _mean([one[spec.name] for one in found]) for spec in wanted})


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return fmean(known) if known and len(known) == len(values) else None


def choose(method: str, trials: Sequence[Scored], search: Search, specs: Sequence[SummarySpec]) -> Choice:
    """The best trial that keeps every floor; of equals the first.

    Raises:
        RunError: there is none.
    """
    sign = 1 if next(spec for spec in specs if spec.name == search.pick).higher_is_better else -1
    able = [one for one in trials if _keeps(one, search)]
    if not able:
        floors = ", ".join(f"{name} ≥ {least:g}" for name, least in search.floor.items())
        raise RunError(
            f"{method}: none of its {len(trials)} trials has {search.pick}{f' and {floors}' if floors else ''}; "
            "widen the grid, or lower the floor"
        )
    return Choice(method, max(able, key=lambda one: sign * (one.values[search.pick] or 0.0)).point, trials)


def _keeps(trial: Scored, search: Search) -> bool:
    values = trial.values
    if values.get(search.pick) is None:
        return False
    return all((found := values.get(name)) is not None and found >= least for name, least in search.floor.items())
