"""What explains forgetting over the runs of a board: how far the answers moved from the base model's, or the weights.

Spearman's rank correlation over rows of the board (means over a row's runs, which are no independent samples), with an
interval of resampled rows (Efron 1979). That KL on the new task's prompts explains it is what arXiv 2509.04259 found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from clbench.boards.values import Row
from clbench.metrics.intervals import Interval, correlations_apart
from clbench.metrics.statistics import rank_correlation
from clbench.report.explained import AXES, FEWEST
from clbench.report.study.evidence import Evidence, first

KEYS = tuple(key for key, _ in AXES)
LOST = (
    ("bwt.gem", "of earlier tasks (−BWT)", lambda value: -value),
    ("retention.facts", "of facts of pre-training (1 − kept)", lambda value: 1 - value),
)
"""What is forgotten: a summary of R, its heading, and the number that grows with forgetting."""


@dataclass(frozen=True, slots=True)
class Explained:
    """How well each of both goes along with forgetting.

    Args:
        lost: what was forgotten, in words.
        over: of which rows, in words.
        rows: how many there are.
        runs: of them.
        rho: rank correlation by key of the axis, over all rows; None where one has no spread.
        apart: 95 % interval of |ρ of the first| − |ρ of the second|; None for fewer than six rows.
    """

    lost: str
    over: str
    rows: int
    runs: int
    rho: dict[str, float | None]
    apart: Interval | None

    @property
    def verdict(self) -> str:
        """Which of both explains it, as far as that can be told."""
        if self.apart is None or self.apart.low <= 0 <= self.apart.high:
            return "cannot be told"
        return "KL" if self.apart.low > 0 else "parameter drift"


def explanations(evidence: Evidence) -> list[Explained]:
    """For each kind of forgetting: over all trained methods, and over those that move the base's own weights."""
    rows = [row for row in evidence.rows if first(row).method.regime == "sequential"]
    moved = [row for row in rows if first(row).drift.get("relative_l2")]  # adapters leave the base where it is
    found = [
        _explained(evidence, over, chosen, *lost)
        for lost in LOST
        for over, chosen in (("all", rows), ("those that move the base's weights", moved))
        if over == "all" or len(moved) < len(rows)
    ]
    return [one for one in found if one is not None]


def _explained(
    evidence: Evidence, over: str, rows: Sequence[Row], key: str, lost: str, forgotten: Callable[[float], float]
) -> Explained | None:
    known = []
    for row in rows:
        means = [_mean(evidence, row, one) for one in (key, *KEYS)]
        if None not in means:
            known.append((row, [one for one in means if one is not None]))
    if len(known) < FEWEST:
        return None
    ys = [forgotten(numbers[0]) for _, numbers in known]
    xs = [[numbers[place] for _, numbers in known] for place in (1, 2)]
    rho = dict(zip(KEYS, (rank_correlation(one, ys) for one in xs), strict=True))
    runs = sum(len(row.records) for row, _ in known)
    return Explained(lost, over, len(known), runs, rho, correlations_apart(xs[0], xs[1], ys))


def _mean(evidence: Evidence, row: Row, key: str) -> float | None:
    found = [evidence.values.of(run, key) for run in row.records]
    known = [one for one in found if one is not None]
    return fmean(known) if known and len(known) == len(found) else None
