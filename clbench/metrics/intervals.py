"""Intervals of a mean of paired differences over runs, and how many pairs would tell. Pure.

Student's interval takes the differences as normal; the bootstrap (Efron 1979) does not, but is too narrow for few of
them, so its level is raised until it has Student's width on normal data (Hesterberg, Am. Stat. 69:371, 2015, 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from clbench.metrics.statistics import deviation, t_quantile

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95
POWER = 0.8
RESAMPLES = 9999
FEWEST = 6  # the whole range of five covers a median 93.75 % of the time, so that no bootstrap of theirs reaches 95 %
MOST_PAIRS = 100_000
RANKED = 1999  # resamples whose ranks are taken
_SEED = 1234


class Interval(NamedTuple):
    """Where a mean may lie.

    Args:
        low: end.
        high: end.
    """

    low: float
    high: float


def student(differences: Sequence[float], *, level: float = LEVEL) -> Interval | None:
    """Student's t-interval of the mean; None for a single difference."""
    if len(differences) < 2:
        return None
    quantile = t_quantile((1 + level) / 2, freedom=len(differences) - 1)
    half = quantile * deviation(differences) / math.sqrt(len(differences))
    return Interval(fmean(differences) - half, fmean(differences) + half)


def bootstrap(differences: Sequence[float], *, level: float = LEVEL) -> Interval | None:
    """Expanded percentile interval of the mean of 9,999 resamples, with a fixed seed; None for fewer than six."""
    if len(differences) < FEWEST:
        return None
    import numpy as np

    values = np.sort(np.asarray(differences, dtype=np.float64))  # the order of the runs changes nothing
    means = values[_resamples(len(values))].mean(axis=1)
    outside = (1 - expanded(level, n=len(values))) / 2
    low, high = np.percentile(means, [100 * outside, 100 * (1 - outside)])
    return Interval(float(low), float(high))


def expanded(level: float, *, n: int) -> float:
    """The level at which a percentile interval of n normal values is as wide as Student's at the wanted level."""
    from scipy.special import ndtr

    return 1 - 2 * float(ndtr(-math.sqrt(n / (n - 1)) * t_quantile((1 + level) / 2, freedom=n - 1)))


def correlations_apart(first: Sequence[float], second: Sequence[float], with_: Sequence[float]) -> Interval | None:
    """95 % percentile interval of |ρ(first, with_)| − |ρ(second, with_)| over resampled places; ρ is Spearman's.

    Of resamples in which a ρ does not exist (all values equal) it is 0; None for fewer than six places.
    """
    if len(with_) < FEWEST:
        return None
    import numpy as np

    places = _resamples(len(with_))[:RANKED]
    one, other, both = (_ranked(np.asarray(values, dtype=np.float64)[places]) for values in (first, second, with_))
    low, high = np.percentile(_alike(one, both) - _alike(other, both), [2.5, 97.5])
    return Interval(float(low), float(high))


def _alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Size of the correlation of two sets of rows, row by row."""
    import numpy as np

    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.abs((one * other).sum(axis=1)) / np.where(size > 0, size, np.inf)


def _ranked(rows: np.ndarray) -> np.ndarray:
    """Ranks within each row around 0, of which equal values share the mean."""
    below = (rows[:, :, None] > rows[:, None, :]).sum(axis=2)
    above = (rows[:, :, None] < rows[:, None, :]).sum(axis=2)
    return (below - above) / 2


@lru_cache(maxsize=4)
def _resamples(n: int) -> np.ndarray:
    """Places of each resample's values, drawn as SciPy's `bootstrap` draws them."""
    import numpy as np

    return np.random.default_rng(_SEED).integers(0, n, (RESAMPLES, n))


def pairs_to_tell(differences: Sequence[float], *, level: float = 1 - LEVEL) -> int | None:
    """Pairs of which the t-test finds a difference of this mean and spread with 80 % power.

    Args:
        differences: as measured; their mean and spread stand for the truth, which few pairs know badly.
        level: of the two-sided test.

    Returns:
        The number; None where no number up to 100,000 would do, or there is nothing to reckon with.
    """
    if len(differences) < 2:
        return None
    spread, mean = deviation(differences), abs(fmean(differences))
    if not spread or not mean:
        return 2 if mean else None
    low, high = 1, 2
    while _power(mean / spread, high, level) < POWER:
        low, high = high, 2 * high
        if high > MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(mean / spread, middle, level) >= POWER else (middle, high)
    return high


def _power(effect: float, n: int, level: float) -> float:
    """Of the two-sided paired t-test; the side that is the wrong one adds less than can matter at 80 %."""
    from scipy.special import nctdtr

    return 1 - float(nctdtr(n - 1, effect * math.sqrt(n), t_quantile(1 - level / 2, freedom=n - 1)))
