"""Kept, lost or undecided: the same records' scores before and after, several sets at a time. Pure.

*Lost*: the score has dropped by more than the tolerance, and that there is a drop is significant after Holm's
correction over all sets: a command that compares two equal models says so of any set in at most 5 % of cases. *Kept*:
a drop of the tolerance or more is ruled out at 5 % (one-sided). *Undecided*: neither; `needed` records would tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from clbench.metrics.paired import LEVEL, advised, drop_below, enough_flips, fewest, holm, mcnemar, sign_flip

TOLERANCE = 0.02
TOGETHER = "together"

Word = Literal["kept", "lost", "undecided"]


@dataclass(frozen=True, slots=True)
class Pair:
    """The scores of one probe's records.

    Args:
        before: of the base.
        after: of the tuned model, in the same order.
        loss: whether they are losses, of which less is better.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    loss: bool = False

    @property
    def gains(self) -> list[float]:
        """What each record gained; negative where it got worse."""
        sign = -1 if self.loss else 1
        return [sign * (new - old) for old, new in zip(self.before, self.after, strict=True)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened to one probe.

    Args:
        probe: its name; `together` for the mean of all that are scored from 0 to 1.
        records: how many were asked.
        base: mean of the base model.
        tuned: mean of the tuned one.
        change: tuned - base.
        error: its paired standard error; None for a single record.
        p: of no change, two-sided: exact McNemar for 0 and 1, sign flips elsewhere.
        p_corrected: the same after Holm's correction over all rows.
        p_kept: of a drop of the tolerance or more, one-sided.
        lost: records that got worse.
        gained: records that got better.
        verdict: kept, lost or undecided.
        needed: records that would decide, where undecided.
        loss: whether a loss was measured, of which less is better.
    """

    probe: str
    records: int
    base: float
    tuned: float
    change: float
    error: float | None
    p: float
    p_corrected: float
    p_kept: float
    lost: int
    gained: int
    verdict: Word
    needed: int | None
    loss: bool = False


def judge(pairs: Mapping[str, Pair], *, tolerance: float = TOLERANCE, level: float = LEVEL) -> list[Verdict]:
    """The verdicts over all probes, and over those together that are scored from 0 to 1 where there are several.

    Args:
        pairs: by name of the probe.
        tolerance: drop of a mean that nobody minds; of losses: rise, in nats a token.
        level: chance that anything counts as lost although nothing changed.
    """
    scored = {name: pair for name, pair in pairs.items() if not pair.loss}
    flips = enough_flips(level, len(pairs) + (len(scored) > 1))
    found = [_measured(name, pair, tolerance=tolerance, flips=flips) for name, pair in pairs.items()]
    if len(scored) > 1:
        found.append(_together(scored, tolerance=tolerance, flips=flips))
    corrected = holm({one.probe: one.p for one in found})
    return [one.decided(corrected[one.probe], len(found), tolerance=tolerance, level=level) for one in found]


@dataclass(frozen=True, slots=True)
class _Measured:
    """A verdict before the correction over all probes."""

    probe: str
    pair: Pair
    base: float
    tuned: float
    variance: float  # of a single record's change
    p: float
    p_kept: float

    def decided(self, p: float, sets: int, *, tolerance: float, level: float) -> Verdict:
        gains, records = self.pair.gains, len(self.pair.before)
        drop = (self.tuned - self.base) * (1 if self.pair.loss else -1)
        lost = p < level and drop > tolerance
        word: Word = "lost" if lost else "kept" if self.p_kept < LEVEL else "undecided"
        needed = advised(self.variance, tolerance=tolerance, comparisons=sets, level=level)
        return Verdict(
            probe=self.probe,
            records=records,
            base=self.base,
            tuned=self.tuned,
            change=self.tuned - self.base,
            error=math.sqrt(self.variance / records) if records > 1 else None,
            p=self.p,
            p_corrected=p,
            p_kept=self.p_kept,
            lost=sum(one < 0 for one in gains),
            gained=sum(one > 0 for one in gains),
            verdict=word,
            needed=max(needed, records + 1) if word == "undecided" else None,
            loss=self.pair.loss,
        )


def _measured(name: str, pair: Pair, *, tolerance: float, flips: int) -> _Measured:
    gains = pair.gains
    before, after = ([-one for one in values] if pair.loss else values for values in (pair.before, pair.after))
    binary = all(one in (0, 1) for one in (*pair.before, *pair.after))
    p = (
        mcnemar(sum(one < 0 for one in gains), sum(one > 0 for one in gains))
        if binary
        else sign_flip(gains, flips=flips)
    )
    kept = drop_below(before, after, tolerance=tolerance) if len(gains) > 1 else 1.0
    variance = _spread(gains)
    return _Measured(name, pair, fmean(pair.before), fmean(pair.after), variance, p, kept)


def _together(pairs: Mapping[str, Pair], *, tolerance: float, flips: int) -> _Measured:
    """The mean over probes, each of the same weight, as one set of all their records."""
    total = sum(len(pair.before) for pair in pairs.values())
    weights = [total / (len(pairs) * len(pair.before)) for pair in pairs.values() for _ in pair.before]
    gains = [one for pair in pairs.values() for one in pair.gains]
    before = tuple(one for pair in pairs.values() for one in pair.before)
    after = tuple(one for pair in pairs.values() for one in pair.after)
    whole = Pair(before, after)
    base = fmean(fmean(pair.before) for pair in pairs.values())
    tuned = fmean(fmean(pair.after) for pair in pairs.values())
    variance = _variance(pairs, total)
    kept = _normal(tuned - base + tolerance, variance / total) if total >= fewest(tolerance) else 1.0
    p = sign_flip([weight * gain for weight, gain in zip(weights, gains, strict=True)], flips=flips)
    return _Measured(TOGETHER, whole, base, tuned, variance, p, kept)


def _variance(pairs: Mapping[str, Pair], total: int) -> float:
    """Of one record's change, such that it gives the error of the mean of the probes' means when divided by `total`."""
    squares = [_spread(pair.gains) / len(pair.before) for pair in pairs.values()]
    return sum(squares) / len(pairs) ** 2 * total


def _spread(gains: Sequence[float]) -> float:
    """Sample variance; that of a score which may be anything from 0 to 1 where there is but one."""
    if len(gains) < 2:
        return 1.0
    mean = fmean(gains)
    return math.fsum((one - mean) ** 2 for one in gains) / (len(gains) - 1)


def _normal(distance: float, variance: float) -> float:
    """One-sided p of a distance from a bound."""
    from scipy.special import ndtr

    if not variance:
        return float(distance <= 0)
    return float(ndtr(-distance / math.sqrt(variance)))
