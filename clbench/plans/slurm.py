"""`--launcher slurm`: a job a run of a Slurm cluster, by submitit; `CLBENCH_SUBMITIT=local` takes processes instead."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.base.errors import OptionError
from clbench.plans.task import Task, carry_out_task, needs

AGAIN_SECONDS = 2.0  # between two looks at jobs
MINUTES = 24 * 60  # of a job; an interrupted run goes on when the plan is begun again


@dataclass(frozen=True, slots=True)
class SlurmLauncher:
    """Jobs of Slurm.

    Args:
        asked: of each job, as submitit calls it, over the defaults: `slurm_partition`, `gpus_per_node`.

    Raises:
        RunError: submitit is not installed.
    """

    asked: Mapping[str, str | int]

    def __post_init__(self) -> None:
        try:
            import submitit  # noqa: F401
        except ImportError as error:
            raise needs("submitit", "slurm") from error

    def finish(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """Each task when its job has ended.

        Raises:
            KeyboardInterrupt: nobody waits any more; the cluster goes on, and is told how to stop.
        """
        executor = self._executor()
        jobs = [(executor.submit(carry_out_task, task), task) for task in tasks]
        try:
            while jobs:
                ended = [pair for pair in jobs if pair[0].done()]
                for job, task in ended:
                    yield task, _result(job)
                jobs = [pair for pair in jobs if pair not in ended]
                if jobs and not ended:
                    time.sleep(AGAIN_SECONDS)
        except KeyboardInterrupt as stop:
            left = " ".join(str(job.job_id) for job, _ in jobs)
            told = f"jobs {left} go on in the cluster (scancel {left}); the same command waits for them again"
            raise KeyboardInterrupt(told) from stop

    def _executor(self) -> Any:
        """Submitit's own choice of Slurm, or what the environment says."""
        import submitit

        kind = os.environ.get("CLBENCH_SUBMITIT") or None
        executor = submitit.AutoExecutor(folder=Path("slurm-logs").absolute(), cluster=kind)
        defaults: dict[str, Any] = {"name": "clbench", "timeout_min": MINUTES, "gpus_per_node": 1, "cpus_per_task": 4}
        executor.update_parameters(**{**defaults, **self.asked})
        return executor


def of_text(text: str) -> SlurmLauncher:
    """`slurm_partition=gpu,timeout_min=600`, or nothing.

    Raises:
        OptionError: not of this form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(key and equals and value for key, equals, value in pairs):
        raise OptionError(f"--launcher slurm:{text}: must be KEY=VALUE,…, such as slurm_partition=gpu,timeout_min=600")
    return SlurmLauncher({key: int(value) if value.isdecimal() else value for key, _, value in pairs})


def _result(job: Any) -> str:
    try:
        return str(job.result())
    except Exception as error:  # whatever submitit or the cluster says
        return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
