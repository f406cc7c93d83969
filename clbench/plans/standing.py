"""How far a plan has come: which of its runs are done, running, failed or left, from what is on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clbench.base.errors import RecordError
from clbench.plans.failing import diverged_elsewhere
from clbench.plans.jobs import Arm, Job, jobs_of

State = Literal["done", "running", "failed", "left"]
STATES: tuple[State, ...] = ("done", "running", "failed", "left")


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one run.

    Args:
        job: the run.
        state: of it; `left` is what nobody has begun, and what was interrupted.
        reason: why it failed, or that it was interrupted.
    """

    job: Job
    state: State
    reason: str = ""


def standing(arms: Sequence[Arm]) -> list[Standing]:
    """Every run that is known before anything is chosen."""
    return [_standing(job) for job in jobs_of(arms)]


def _standing(job: Job) -> Standing:
    if job.run_dir.found():
        return Standing(job, "done")
    try:
        state = job.run_dir.state() or diverged_elsewhere(job)
    except RecordError as error:
        return Standing(job, "failed", str(error))
    status, reason = state.get("status"), str(state.get("error") or "")
    if status == "running":
        held = job.run_dir.is_held()
        return Standing(job, "running" if held else "left", "" if held else "interrupted")
    if status == "failed":
        return Standing(job, "failed", reason)
    return Standing(job, "left", "interrupted" if status == "interrupted" else "")
