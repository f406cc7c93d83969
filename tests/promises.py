"""What the verdicts promise, by simulation: `python tests/promises.py` prints the table of docs/forget.md.

Pairs of models without any change, and with a true drop of twice the tolerance, for scores of 0 and 1 and for graded
ones, asked once (a command) or again and again (a callback). Verdicts are those of the real functions; what is short
here is exact: a drop within the tolerance is never lost, and zeros and ones count by how many changed each way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np

from clbench.forgetting.looks import Plan
from clbench.forgetting.verdicts import Pair, judge
from clbench.metrics.paired import advised

TOLERANCE, CHANGED, GRADED = 0.02, 0.1, 0.4**2 / 6  # variance of a single record's change, of both kinds
Make = Callable[..., tuple[np.ndarray, np.ndarray]]
LOOKS = 40
KEEP = 0.8  # what a look shares with the one before


def binary(rng: np.random.Generator, looks: int, records: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 0 and 1: before, and after at each look; a share of records changes, and more of them for the worse."""
    before = (rng.random(records) < 0.6).astype(float)
    drawn = held(rng, rng.random((looks, records)))
    worse, better = (CHANGED + drop) / 2 / 0.6, (CHANGED - drop) / 2 / 0.4
    return before, np.where(drawn < np.where(before == 1, worse, better), 1 - before, before)


def graded(rng: np.random.Generator, looks: int, records: int, drop: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores anywhere from 0 to 1, which move with the records' difficulty."""
    middle = rng.uniform(0.2, 0.8, records)
    moved = held(rng, rng.uniform(-0.2, 0.2, (looks, records)))
    return middle + rng.uniform(-0.2, 0.2, records), middle + moved - drop


def held(rng: np.random.Generator, drawn: np.ndarray) -> np.ndarray:
    """Each look's draw of a record is mostly the one of the look before."""
    for look in range(1, len(drawn)):
        drawn[look] = np.where(rng.random(drawn.shape[1]) < KEEP, drawn[look - 1], drawn[look])
    return drawn


def pair(before: np.ndarray, after: np.ndarray) -> Pair:
    """As a probe's scores."""
    return Pair(tuple(before.tolist()), tuple(after.tolist()))


def commands(
    make: Make, *, trials: int, probes: int, records: int, drops: tuple[float, ...] = (), seed: int = 0
) -> Iterator[list[str]]:
    """The words of each simulated command's rows; `drops` are those of the first probes."""
    rng = np.random.default_rng(seed)
    true = [*drops, *[0.0] * (probes - len(drops))]
    for _ in range(trials):
        made = [make(rng, 1, records, drop) for drop in true]
        pairs = {f"p{number}": pair(before, after[0]) for number, (before, after) in enumerate(made)}
        yield [one.verdict for one in judge(pairs, tolerance=TOLERANCE)]


def alarms(make: Make, *, trials: int, looks: int, records: int, drop: float = 0.0, seed: int = 0) -> int:
    """Trainings of which some look says that something is lost."""
    rng, plan = np.random.default_rng(seed), Plan(looks, TOLERANCE)

    @cache
    def lost_of(worse: int, better: int) -> bool:
        after = np.ones(records)
        after[:worse], before = 0.0, np.ones(records)
        before[worse : worse + better] = 0.0
        return bool(plan.judge(0, {"p": pair(before, after)}).lost)

    def is_lost(before: np.ndarray, after: np.ndarray) -> bool:
        if (before - after).mean() <= TOLERANCE:
            return False
        if make is binary:
            return lost_of(int((before > after).sum()), int((before < after).sum()))
        return bool(plan.judge(0, {"p": pair(before, after)}).lost)

    def sounded() -> bool:
        before, after = make(rng, looks, records, drop)
        return any(is_lost(before, one) for one in after)

    return sum(sounded() for _ in range(trials))


def needed(make: Make, *, looks: int = 1, probes: int = 1) -> int:
    """The advised number of records."""
    comparisons = probes + (probes > 1)
    variance = CHANGED if make is binary else GRADED
    return advised(variance, tolerance=TOLERANCE, comparisons=comparisons, level=0.05 / looks)


def table(trials: int) -> Iterator[str]:
    """The whole campaign, a row at a time."""
    yield "| scores | what | models | said |"
    yield "| --- | --- | --- | --- |"
    for make in (binary, graded):
        one, many = needed(make), needed(make, looks=LOOKS)
        equal = commands(make, trials=trials, probes=8, records=100)
        fallen = commands(make, trials=trials, probes=1, records=one, drops=(2 * TOLERANCE,))
        same = commands(make, trials=trials, probes=1, records=one, seed=1)
        rows = [
            ("8 probes of 100 records", "equal", "lost", share("lost", equal)),
            (f"1 probe of {one:,} records", "fell by twice the tolerance", "lost", share("lost", fallen)),
            (f"1 probe of {one:,} records", "equal", "kept", share("kept", same)),
            (f"{LOOKS} looks at 64 records", "equal", "lost", alarms(make, trials=trials, looks=LOOKS, records=64)),
            (
                f"{LOOKS} looks at {many:,} records",
                "fell by twice the tolerance",
                "lost",
                alarms(make, trials=trials, looks=LOOKS, records=many, drop=2 * TOLERANCE),
            ),
        ]
        for what, models, word, found in rows:
            yield f"| {make.__name__} | {what} | {models} | {word} in {found / trials:.1%} |"


def share(word: str, said: Iterable[list[str]]) -> int:
    """Commands that say a word of any row."""
    return sum(word in words for words in said)


if __name__ == "__main__":
    for line in table(1000):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
