"""How far the mean of a test set may be off because it is a sample. Pure.

Errors are standard errors, of one model on one set of records; what training with another seed would change is a
matter of several runs (`clbench.metrics.statistics`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from clbench.metrics.statistics import mean_std

RESAMPLES = 1000
_SEED = 1234
_DRAWS_AT_ONCE = 1 << 20  # 8 MiB of indices, however many records there are


def standard_error(scores: Sequence[float]) -> float | None:
    """Standard error of the mean of independent scores.

    Scores that are all 0 or 1 have the binomial one, sqrt(p (1 - p) / (n - 1)), which is the sample standard
    deviation over sqrt(n), as in lm-evaluation-harness; others a bootstrap (Efron 1979): the standard deviation of
    the means of 1,000 resamples, drawn with a fixed seed from the sorted scores, so that neither a second call nor
    the order of the records changes it.

    Returns:
        The error in the unit of the scores; None for one score, which says nothing about its spread.

    Raises:
        ValueError: There are no scores, or one is not finite.
    """
    if not scores or not all(map(math.isfinite, scores)):
        raise ValueError("a standard error needs scores, all of them finite")
    n = len(scores)
    if n == 1:
        return None
    if all(score in {0, 1} for score in scores):
        return binomial_error(sum(scores) / n, n)
    return _bootstrap(scores)


def binomial_error(share: float, n: int) -> float | None:
    """Standard error of a share of right answers; None for a single one."""
    return math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else None


def paired_error(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Standard error of mean(after - before) over the same records, in the same order.

    The two share the records' difficulty, so this is smaller than what two separate errors give.

    Returns:
        The sample standard deviation of the differences over sqrt(n); None for a single record.

    Raises:
        ValueError: There are no records, or the two are not of one length.
    """
    if not before:
        raise ValueError("a paired error needs records")
    differences = mean_std([new - old for old, new in zip(before, after, strict=True)])
    return None if differences.spread is None else differences.spread / math.sqrt(differences.n)


def mean_error(errors: Sequence[float | None]) -> float | None:
    """Standard error of the plain mean of M independent scores: sqrt(sum of squared errors) / M.

    Returns:
        The error; None if that of any score is unknown.

    Raises:
        ValueError: There are no errors.
    """
    if not errors:
        raise ValueError("the error of a mean needs the errors of its parts")
    known = [error for error in errors if error is not None]
    return math.hypot(*known) / len(known) if len(known) == len(errors) else None


def _bootstrap(scores: Sequence[float]) -> float:
    import numpy as np

    values = np.sort(np.asarray(scores, dtype=np.float64))
    generator = np.random.default_rng(_SEED)
    at_once = max(1, _DRAWS_AT_ONCE // len(values))
    means = [
        values[generator.integers(len(values), size=(min(at_once, RESAMPLES - done), len(values)))].mean(axis=1)
        for done in range(0, RESAMPLES, at_once)
    ]
    return float(np.concatenate(means).std(ddof=1))
