"""What a plan will take: each run's estimate, what methods add to its tokens, and time from what was measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from clbench.base.errors import ClbenchError
from clbench.base.hashing import digest
from clbench.forecast.estimate import Estimate, estimate, held_by
from clbench.plans.jobs import Arm, Job, jobs_of
from clbench.runs.record import Record
from clbench.runs.rundir import list_runs


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one run.

    Args:
        job: the run.
        estimate: from its configuration alone.
        added_tokens: that the method trains on beside the stream's, as measured in a run of it; None: not known.
        seconds: that it will take, as measured in a run like it; None: not known.
        finished: whether there is nothing left to do.
    """

    job: Job
    estimate: Estimate
    added_tokens: int | None
    seconds: float | None
    finished: bool


@dataclass(frozen=True, slots=True)
class Total:
    """Of all runs.

    Args:
        runs: how many.
        finished: of them.
        after_choice: further ones, whose settings are not chosen yet.
        steps: optimizer steps, without finished runs.
        train_tokens: likewise, with what methods add where it is known.
        seconds: of those runs whose time is known.
        untimed: runs whose time is not known.
    """

    runs: int
    finished: int
    after_choice: int
    steps: int
    train_tokens: int
    seconds: float
    untimed: int


def expect(arms: Sequence[Arm]) -> tuple[list[Expected], Total]:
    """Every run that is known before anything is chosen, and all together. Loads no weights.

    Where a method is searched, what is reported of it counts as one of its trials of the same stream would.
    """
    jobs, later = jobs_of(arms), sum(len(arm.jobs) for arm in arms if arm.trials)
    known: dict[tuple[str, ...], Estimate] = {}
    measured = _Measured(jobs)
    found = [_expected(job, known, measured) for job in jobs]
    left = [one for one in found if not one.finished]
    times = [one.seconds for one in left if one.seconds is not None]
    total = Total(
        runs=len(found) + later,
        finished=len(found) - len(left),
        after_choice=later,
        steps=sum(one.estimate.steps for one in left),
        train_tokens=sum(one.estimate.train_tokens + (one.added_tokens or 0) for one in left),
        seconds=sum(times),
        untimed=len(left) - len(times) + later,
    )
    return found, total


def _expected(job: Job, known: dict[tuple[str, ...], Estimate], measured: _Measured) -> Expected:
    config = job.config
    key = (config.board().hash, config.plan.order, config.choice.regime)
    if key not in known:
        known[key] = estimate(config)
    method = (*key, config.choice.name, digest(config.options))
    if method not in known:
        known[method] = replace(known[key], **held_by(config))
    like = measured.like(job)
    added = like.costs.train_tokens - known[key].train_tokens if like and like.method.regime == "sequential" else None
    seconds = like.costs.train_seconds + like.costs.eval_seconds if like else measured.seconds(job, known[key])
    return Expected(job, known[method], added, seconds, job.run_dir.found() is not None)


class _Measured:
    """Records of this folder of runs, by what they may tell of others."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.records = list(_records(jobs))

    def like(self, job: Job) -> Record | None:
        """A run of the same method under the same conditions; with the same options where there is one."""
        board, name = job.config.board().hash, job.config.choice.name
        found = [one for one in self.records if one.method.name == name and one.board.hash == board]
        options = job.config.method_part(job.config.choice.create(job.config.options)).options if found else {}
        return min(found, key=lambda one: one.method.options != options, default=None)

    def seconds(self, job: Job, wanted: Estimate) -> float | None:
        """From the tokens a second of other runs with the same model; answers count as if each ran into its limit."""
        model = job.config.model.hash
        found = [one.costs for one in self.records if one.board.model["hash"] == model]
        train = [one.train_tokens / one.train_seconds for one in found if one.train_tokens and one.train_seconds]
        said = [one.generated_tokens / one.eval_seconds for one in found if one.generated_tokens and one.eval_seconds]
        if not train or not said:
            return None
        return wanted.train_tokens / min(train) + wanted.max_generated_tokens / min(said)


def _records(jobs: Sequence[Job]) -> Iterable[Record]:
    for runs_dir in dict.fromkeys(job.request.runs_dir for job in jobs):
        for run_dir in list_runs(runs_dir):
            try:
                record = run_dir.finished()
            except ClbenchError:  # another run's fault, which is told when that run is looked at
                continue
            if record is not None:
                yield record
