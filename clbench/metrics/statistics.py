"""Means, spreads and paired intervals over runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


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
    return Estimate(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


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
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def paired_p(values: Sequence[float], baseline: Sequence[float]) -> float | None:
    """Two-sided p of the paired t-test; None for fewer than two pairs, 1.0 or 0.0 where all differences are equal."""
    from scipy.special import stdtr

    differences = [value - base for value, base in zip(values, baseline, strict=True)]
    if len(differences) < 2:
        return None
    mean, spread = fmean(differences), stdev(differences)
    if not spread:
        return 0.0 if mean else 1.0
    t = mean / (spread / math.sqrt(len(differences)))
    return float(2 * stdtr(len(differences) - 1, -abs(t)))
