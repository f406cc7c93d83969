"""Carrying a plan out: one run after the other, beside other processes that are at the same plan.

A run that is finished is found; one that another process is at is passed over, and come back to until it is finished
or free; one that fails is told at the end, and stops nothing but what depends on it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from clbench.base import atomic
from clbench.base.errors import BusyError, RunError
from clbench.base.progress import Place, Progress
from clbench.engine.carrying import Outcome, carry_out, renew
from clbench.methods.episodes import num_phases
from clbench.plans.choosing import Choice, check_rule, choose, scored
from clbench.plans.failing import Failure, check_failed, forget, has_diverged, remember
from clbench.plans.jobs import Arm, Job, jobs_of
from clbench.plans.task import Launcher, task_of
from clbench.plugins import trackers
from clbench.plugins.registry import Registry
from clbench.runs.record import Record
from clbench.runs.rundir import RunDir
from clbench.spec.wording import many

AGAIN_SECONDS = 1.0  # between two looks at runs that other processes are at


@dataclass(frozen=True, slots=True)
class How:
    """How a plan is carried out.

    Args:
        check: called before a record comes onto a board that has it not; raises if it must not.
        fail_fast: whether the first failure ends all.
        launcher: other processes that carry runs out; None: this one does.
    """

    check: Callable[[RunDir, Record], None] | None = None
    fail_fast: bool = False
    launcher: Launcher | None = None


@dataclass
class Worker:
    """One process at a plan.

    Args:
        registry: methods, scorers, observers.
        progress: of the runs.
        how: see there.
    """

    registry: Registry
    progress: Progress
    how: How = How()
    began: float = field(default_factory=time.time)
    told: set[str] = field(default_factory=set)
    trials: set[str] = field(default_factory=set)

    def work(self, arms: Sequence[Arm]) -> Iterator[Outcome | Failure | Choice]:
        """Run what is not finished yet; each run adds its row to its board before the next begins.

        Raises:
            ClbenchError: a folder cannot be written; or a run failed, under `fail_fast`.
        """
        self._check(arms)
        left, undecided = jobs_of(arms), [arm for arm in arms if arm.trials]
        self.trials = {job.run_id for arm in undecided for job in arm.trial_jobs()}
        ended: dict[str, Outcome | Failure] = {}
        total = len(left) + sum(len(arm.jobs) for arm in undecided)
        while left or undecided:
            before = len(ended)
            for job, wrong in self._each(left):
                place = Place(job.run_id, len(ended) + 1, total, phases_of(job))
                if (found := self._one(job, place, wrong=wrong)) is not None:
                    ended[job.run_id] = found
                    yield found
            left = [job for job in left if job.run_id not in ended]
            ready = [arm for arm in undecided if all(job.run_id in ended for job in arm.trial_jobs())]
            undecided = [arm for arm in undecided if arm not in ready]
            for arm in ready:
                made = self._choose(arm, ended)
                left += arm.chosen(made.point) if isinstance(made, Choice) else []
                yield made
            if len(ended) == before and left:
                time.sleep(AGAIN_SECONDS)
        self._renew(ended.values(), arms)

    def _renew(self, ended: Iterable[Outcome | Failure], arms: Sequence[Arm]) -> None:
        """Boards of runs that were found finished, once each: a text may be lost or old where the records are not."""
        found = [one for one in ended if isinstance(one, Outcome) and one.repeated and one.run_dir.writable]
        if not found:
            return
        folder = next(job.request.leaderboards_dir for arm in arms for job in (*arm.jobs, *arm.trial_jobs()))
        for board in dict.fromkeys(one.record.board.name for one in found):
            renew(board, folder, self.registry)

    def _check(self, arms: Sequence[Arm]) -> None:
        for arm in arms:
            if arm.search is not None:
                check_rule(arm.search, self.registry.summary_specs())
        request = next(job.request for arm in arms for job in (*arm.jobs, *arm.trial_jobs()))
        trackers.attach(self.registry.plugins, many(request.track), runs_dir=request.runs_dir)
        atomic.check_writable(request.runs_dir, option="--runs-dir")
        atomic.check_writable(request.leaderboards_dir, option="--leaderboards-dir")

    def _each(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, str | None]]:
        """What is to be carried out here; or what has ended elsewhere, with what was wrong with it."""
        if self.how.launcher is None:
            yield from ((job, None) for job in jobs)
            return
        known = {job.run_id: job for job in jobs}
        new = [job for job in jobs if job.request.fresh or not self._is_over(job)]
        yield from ((job, None) for job in jobs if job not in new)
        for task, wrong in self.how.launcher.finish([task_of(job) for job in new]):
            found = known[task.run_id].run_dir.found()
            yield known[task.run_id], wrong or ("" if found else "left no record here: is the folder of runs shared?")

    def _one(self, job: Job, place: Place, *, wrong: str | None) -> Outcome | Failure | None:
        """A run's end, or None while another process is at it."""
        try:
            check_failed(job, wrong=wrong, trial=job.run_id in self.trials, began=self.began)
            outcome = carry_out(
                job.config,
                job.request,
                job.run_dir,
                registry=self.registry,
                progress=self.progress,
                place=place,
                began=self.began,
                check=self.how.check,
            )
            forget(job)
            return outcome if wrong is None else dataclasses.replace(outcome, repeated=False)
        except BusyError as error:
            if job.run_id not in self.told:
                self.progress.say(f"{error}; run {place.number} of {place.of} is come back to")
            self.told.add(job.run_id)
            return None
        except Exception as error:
            failure = Failure(job.run_id, error, trial=job.run_id in self.trials)
            if failure.expected:
                remember(job)
            if self.how.fail_fast and not failure.expected:
                raise
            if place.of > 1:  # one alone is told at the end
                self.progress.say(f"{job.run_id} failed: {error}")
            return failure

    def _is_over(self, job: Job) -> bool:
        return bool(job.run_dir.found()) or (job.run_id in self.trials and has_diverged(job))

    def _choose(self, arm: Arm, ended: dict[str, Outcome | Failure]) -> Choice | Failure:
        assert arm.search is not None
        specs = self.registry.summary_specs()
        made = [[_matrix(ended[job.run_id]) for job in trial.jobs] for trial in arm.trials]
        trials = [scored(one.point, of, arm.search, specs) for one, of in zip(arm.trials, made, strict=True)]
        try:
            found = choose(arm.name or arm.method, trials, arm.search, specs)
            return dataclasses.replace(found, stream=arm.trial_jobs()[0].config.plan.label)
        except RunError as error:
            if self.how.fail_fast:
                raise
            return Failure(arm.name or arm.method, error)


def phases_of(job: Job) -> int:
    """Of its run."""
    return num_phases(job.config.choice.regime, len(job.config.plan.tasks))


def _matrix(end: Outcome | Failure):  # noqa: ANN202
    if isinstance(end, Failure):
        return None
    role = end.record.board.protocol["scorer"]
    return end.record.matrix(role)
