"""Two models on the same records: did a score change, by more than is tolerated, how many records would tell. Pure.

Exact tests say whether there is a change (McNemar 1947; sign flips, Fisher 1935), corrected over several sets by Holm
(1979). A test of non-inferiority says that a drop is smaller than a tolerance: Tango's score test (Stat. Med. 17:891,
1998) where every score is 0 or 1, Student's t elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.05
POWER = 0.8
FLIPS = 4999
CLEAR = 0.002
_SEED = 1234
_AT_ONCE = 1 << 22  # signs that are drawn at once


def mcnemar(lost: int, gained: int) -> float:
    """Two-sided exact p that as many records were lost as gained, by chance.

    Args:
        lost: records that were right before and are wrong now.
        gained: the other way round.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(lost, gained), lost + gained, 0.5))) if lost + gained else 1.0


def sign_flip(changes: Sequence[float], *, flips: int = FLIPS) -> float:
    """Two-sided p of the sum of paired changes if each could as well have had the other sign.

    All signs are tried where there are no more of them than are drawn else, with a fixed seed; what was seen counts as
    one of the draws, which keeps the test valid (Phipson and Smyth 2010). Where more are asked for than `FLIPS`, they
    are drawn when those have shown that p is small: what is reported before is larger than `CLEAR`, so both stages
    keep every level (the idea of Besag and Clifford, Biometrika 78:301, 1991).

    Args:
        changes: of each record, in any unit; those without a change have no sign and play no part.
        flips: draws; p cannot be smaller than 1 / (flips + 1).
    """
    import numpy as np

    moved = np.asarray([one for one in changes if one], dtype=np.float64)
    if not len(moved):
        return 1.0
    bound = abs(moved.sum()) - 1e-6 * np.abs(moved).sum()  # sums of the same numbers in another order are equal
    if 2 ** len(moved) <= FLIPS:
        places = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float(np.mean(np.abs((1 - 2 * places) @ moved) >= bound))
    first = min(FLIPS, flips)
    p = (1 + _beyond(moved, bound, first)) / (first + 1)
    return p if p > CLEAR or flips <= FLIPS else (1 + _beyond(moved, bound, flips)) / (flips + 1)


def enough_flips(level: float, comparisons: int) -> int:
    """Draws that give a corrected p ten times smaller than the level, where nothing is as extreme as what was seen."""
    return max(FLIPS, math.ceil(10 * comparisons / level))


def _beyond(moved: np.ndarray, bound: float, flips: int) -> int:
    """How many drawn sums are as large as what was seen."""
    import numpy as np

    single = moved.astype(np.float32)
    generator, found = np.random.default_rng(_SEED), 0
    at_once = max(1, _AT_ONCE // len(moved))
    for done in range(0, flips, at_once):
        rows = min(at_once, flips - done)
        bits = np.frombuffer(generator.bytes(rows * (-(-len(moved) // 8))), dtype=np.uint8).reshape(rows, -1)
        flipped = np.unpackbits(bits, axis=1, count=len(moved)).astype(np.float32) @ single
        found += int(np.sum(np.abs(moved.sum() - 2 * flipped.astype(np.float64)) >= bound))
    return found


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p of several tests: the chance that any of those without a change falls below a level is that level."""
    adjusted, highest = {}, 0.0
    for place, name in enumerate(sorted(values, key=lambda name: values[name])):
        highest = max(highest, min(1.0, (len(values) - place) * values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in values}


def drop_below(before: Sequence[float], after: Sequence[float], *, tolerance: float) -> float:
    """One-sided p against "the mean has dropped by the tolerance or more": small where the score was kept.

    Args:
        before: scores of the records, higher is better.
        after: of the same records.
        tolerance: above 0, in the unit of the scores.
    """
    if all(one in (0, 1) for one in (*before, *after)):
        lost = sum(a > b for a, b in zip(before, after, strict=True))
        gained = sum(a < b for a, b in zip(before, after, strict=True))
        return _tango(lost, gained, len(before), tolerance) if tolerance < 1 else float(lost == len(before))
    if len(before) < fewest(tolerance):  # a rare great loss may have had no record to show in
        return 1.0
    return _student([b - a for a, b in zip(before, after, strict=True)], tolerance)


def _tango(lost: int, gained: int, n: int, tolerance: float) -> float:
    """The score test of the paired difference lost - gained = tolerance; q is the likeliest share of gains under it."""
    from scipy.special import ndtr

    b = -lost - gained + (2 * n - lost + gained) * tolerance
    c = -gained * tolerance * (1 - tolerance)
    q = (math.sqrt(b * b - 8 * n * c) - b) / (4 * n)
    return float(ndtr((lost - gained - n * tolerance) / math.sqrt(n * (2 * q + tolerance * (1 - tolerance)))))


def _student(changes: Sequence[float], tolerance: float) -> float:
    from scipy.special import stdtr

    n, mean = len(changes), math.fsum(changes) / len(changes)
    variance = math.fsum((one - mean) ** 2 for one in changes) / (n - 1)
    if not variance:
        return float(mean <= -tolerance)
    return float(stdtr(n - 1, -(mean + tolerance) / math.sqrt(variance / n)))


def fewest(tolerance: float) -> int:
    """Records of which none must have changed to show that the drop is below a tolerance: Tango's test solved for n."""
    return math.ceil(quantile(1 - LEVEL) ** 2 * (1 - tolerance) / tolerance) if tolerance < 1 else 2


def advised(variance: float, *, tolerance: float, comparisons: int = 1, level: float = LEVEL) -> int:
    """Records that decide: with 80 % power no change is shown to be below the tolerance, and twice it is found.

    Args:
        variance: of a single record's change, as measured.
        tolerance: of the drop of the mean.
        comparisons: sets that are tested together; Holm's first step is the hardest.
        level: of the difference tests over all sets.
    """
    power = quantile(POWER)
    kept = ((quantile(1 - LEVEL) + power) / tolerance) ** 2 * variance
    found = ((quantile(1 - level / (2 * comparisons)) + power) / (2 * tolerance)) ** 2 * variance
    return max(math.ceil(kept), math.ceil(found), fewest(tolerance))


def quantile(probability: float) -> float:
    """Of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))
