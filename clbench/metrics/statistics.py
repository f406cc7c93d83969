"""Means, spreads and paired intervals over runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

T_975 = (
    12.706204736174694,
    4.302652729749462,
    3.1824463052837078,
    2.7764451051977934,
    2.5705818356363146,
    2.4469118511449786,
    2.364624251592784,
    2.306004135204166,
    2.262157162798205,
    2.228138851986274,
    2.200985160091639,
    2.1788128296672284,
    2.1603686564627913,
    2.144786687917804,
    2.131449545559776,
    2.1199052992212546,
    2.1098155778333156,
    2.1009220402410382,
    2.0930240544083087,
    2.085963447265864,
)
"""Quantiles of Student's t at 0.975 for 1 to 20 degrees of freedom: those of boards, which need not wait for scipy."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over runs.

    Args:
        mean: of the n values.
        spread: sample standard deviation, or half the width of a 95 % interval; None for n = 1.
        n: number of values.
    """

    mean: float
    spread: float | None
    n: int


def mean_std(values: Sequence[float]) -> Estimate:
    """Mean and sample standard deviation (n − 1)."""
    return Estimate(fmean(values), deviation(values) if len(values) > 1 else None, len(values))


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation (n − 1), rounded once: the bits of `statistics.stdev` in a fraction of its time.

    Every number is a whole multiple of one power of two, so that sums and squares are whole numbers.
    """
    ratios = [float(value).as_integer_ratio() for value in values]
    unit = max(below for _, below in ratios)
    whole = [above * (unit // below) for above, below in ratios]
    n, total = len(whole), sum(whole)
    return _root(n * sum(one * one for one in whole) - total * total, n * (n - 1) * unit * unit)


def _root(above: int, below: int) -> float:
    """The square root of a fraction, rounded once: at least 54 bits, the last of which says whether any follow."""
    shift = (above.bit_length() - below.bit_length() - 109) // 2
    above, below = (above << -2 * shift, below) if shift < 0 else (above, below << 2 * shift)
    square = above // below
    root = math.isqrt(square)
    return math.ldexp(float(root | (root * root * below != above)), shift)


def paired_difference(values: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Mean of the pairwise differences, with half the width of their 95 % t-interval (n − 1 degrees of freedom)."""
    differences = [value - base for value, base in zip(values, baseline, strict=True)]
    estimate = mean_std(differences)
    if estimate.spread is None:
        return estimate
    half = t_quantile(0.975, freedom=estimate.n - 1) * estimate.spread / math.sqrt(estimate.n)
    return Estimate(estimate.mean, half, estimate.n)


def t_quantile(probability: float, *, freedom: int) -> float:
    """Quantile of Student's t."""
    if probability == 0.975 and 1 <= freedom <= len(T_975):
        return T_975[freedom - 1]
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def paired_p(values: Sequence[float], baseline: Sequence[float]) -> float | None:
    """Two-sided p of the paired t-test; None for fewer than two pairs, 1.0 or 0.0 where all differences are equal."""
    differences = [value - base for value, base in zip(values, baseline, strict=True)]
    if len(differences) < 2:
        return None
    from scipy.special import stdtr

    mean, spread = fmean(differences), deviation(differences)
    if not spread:
        return 0.0 if mean else 1.0
    t = mean / (spread / math.sqrt(len(differences)))
    return float(2 * stdtr(len(differences) - 1, -abs(t)))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's ρ: the correlation of ranks, of which equal values share the mean; None where all are equal."""
    a, b = (_centred(_ranks(values)) for values in (first, second))
    size = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / size if size else None


def _ranks(values: Sequence[float]) -> list[float]:
    below = [sum(other < one for other in values) for one in values]
    return [less + (values.count(one) - 1) / 2 for less, one in zip(below, values, strict=True)]


def _centred(values: Sequence[float]) -> list[float]:
    mean = fmean(values)
    return [value - mean for value in values]
