"""Runs of a plan that failed: which are tried again, and what is told of them at the end.

What failed is tried again by the next command, as its cause may be gone; but a trial of a search whose training
diverged would diverge again, so it stays what it is: settings that do not serve. As it leaves no record, a line beside
the others' (`<run-id>.diverged`) remembers it, also where there is no run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.base import atomic
from clbench.base.errors import DivergedError, RecordError, RunError
from clbench.plans.jobs import Job


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed, or a method of which nothing could be chosen.

    Args:
        name: the run's id, or the method's name.
        error: why.
        trial: whether it is a trial of a search.
    """

    name: str
    error: Exception
    trial: bool = False

    @property
    def expected(self) -> bool:
        """A trial that diverged: that is what the search has found out."""
        return self.trial and isinstance(self.error, DivergedError)


def has_diverged(job: Job) -> bool:
    """Whether a run failed as its training diverged."""
    state = _state(job)
    return state.get("status") == "failed" and bool(state.get("diverged"))


def check_failed(job: Job, *, wrong: str | None, trial: bool, began: float) -> None:
    """Nothing where a run may be tried.

    Args:
        job: the run.
        wrong: what went wrong in a process that was given the run.
        trial: whether it is a trial of a search.
        began: time since which a run's failure is another process's with the same command.

    Raises:
        RunError: the run failed meanwhile.
        DivergedError: it diverged; as a trial, at any time.
    """
    state, kind = _state(job), DivergedError if has_diverged(job) else RunError
    if wrong:
        raise kind(wrong)
    if state.get("status") != "failed":
        return
    if _modified(job.run_dir.path / "run.json") > began:
        raise kind(f"failed in another process: {state.get('error')}")
    if trial and kind is DivergedError and not job.request.fresh:
        places = " and ".join(str(one) for one in (job.run_dir.path, _beside(job)) if one.exists())
        raise kind(f"as before: {state.get('error')} (to have it tried again, remove {places})")


def remember(job: Job) -> None:
    """Beside the trials' records, of one that diverged."""
    if job.run_dir.writable and not _beside(job).is_file():
        atomic.write_text(_beside(job), f"{_state(job).get('error')}\n")


def forget(job: Job) -> None:
    """Of a run that has a record after all."""
    if job.run_dir.writable:
        _beside(job).unlink(missing_ok=True)


def _beside(job: Job) -> Path:
    """Where it is remembered that a run diverged."""
    assert job.run_dir.published is not None
    return job.run_dir.published.with_suffix(".diverged")


def _state(job: Job) -> Mapping[str, Any]:
    """What `run.json` says; of a run that has none here, that it diverged elsewhere, if it did."""
    try:
        return job.run_dir.state() or diverged_elsewhere(job)
    except (OSError, RecordError):
        return {}


def diverged_elsewhere(job: Job) -> Mapping[str, Any]:
    """That it diverged, as `run.json` would have it, of a run that is remembered so and has no record; else nothing."""
    if job.run_dir.found():
        return {}
    try:
        reason = _beside(job).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {"status": "failed", "diverged": True, "error": " ".join(reason.split())}


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def raise_failures(failures: Sequence[Failure], *, of: int) -> None:
    """Nothing where nothing failed but trials that diverged; one failure as it was, several in one line.

    Args:
        failures: of a plan.
        of: how many runs it has.
    """
    failures = [one for one in failures if not one.expected]
    if len(failures) == 1:
        raise failures[0].error
    if failures:
        listed = "; ".join(f"{one.name}: {str(one.error)[:200]}" for one in failures[:3])
        more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        raise RunError(f"{len(failures)} of {of} runs failed: {listed}{more}") from failures[0].error
