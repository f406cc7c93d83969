"""One run of a plan, given to another process: what it needs to know, in words, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clbench.base.errors import RunError

if TYPE_CHECKING:
    from clbench.plans.jobs import Job


@dataclass(frozen=True, slots=True)
class Task:
    """A run that some process is to carry out.

    Args:
        run_id: its name.
        words: the request that asks for it, perhaps among others, as JSON.
    """

    run_id: str
    words: str


class Launcher(Protocol):
    """Where tasks are carried out."""

    def finish(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """Each task when it has ended, in any order, with what is wrong: nothing where its record is there."""
        ...


def task_of(job: Job) -> Task:
    """What another process needs to carry out a job; folders are told from the root on."""
    said = job.request.model_dump(include=job.request.model_fields_set, by_alias=True)
    places = {"runs_dir": job.request.runs_dir, "leaderboards_dir": job.request.leaderboards_dir}
    return Task(job.run_id, json.dumps({**said, **places, "quiet": True}, default=_plain))


def _plain(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else list(value)


def carry_out_task(task: Task) -> str:
    """Carry a run out in this process, from where it stands; what was wrong, or nothing.

    Raises:
        KeyboardInterrupt: this process is to end; the run is saved.
    """
    from clbench.base.progress import Progress
    from clbench.plans.failing import Failure
    from clbench.plans.jobs import Arm
    from clbench.plans.working import How, Worker
    from clbench.plugins.registry import registry
    from clbench.verification.afresh import check_afresh

    try:
        job = _jobs(task.words)[task.run_id]
        worker = Worker(registry(), Progress(), How(check=check_afresh))
        (end,) = worker.work([Arm(job.config.choice.name, [job])])
    except KeyError:
        return f"{task.run_id} is another run here: versions or files differ between processes"
    except Exception as error:
        return str(error) or type(error).__name__
    return str(end.error) if isinstance(end, Failure) else ""


@cache
def _jobs(words: str) -> Mapping[str, Job]:
    """The runs of a request; they are prepared once in a process."""
    from clbench.engine.request import Request
    from clbench.engine.session import prepare
    from clbench.plans.jobs import Job
    from clbench.plugins.registry import registry

    request = Request.of(**json.loads(words))
    jobs = [Job(config, request) for config in prepare(request, registry())]
    return {job.run_id: job for job in jobs}


def make_launcher(text: str) -> Launcher:
    """What `--launcher` says.

    Raises:
        OptionError: no such launcher; RunError: its package is missing.
    """
    from clbench.base.errors import OptionError

    name, _, size = text.partition(":")
    if name == "local" and size.isdecimal() and int(size):
        from clbench.plans.local import LocalLauncher

        return LocalLauncher(int(size))
    if name == "ray" and not size:
        from clbench.plans.cluster import RayLauncher

        return RayLauncher()
    if name == "slurm":
        from clbench.plans.slurm import of_text

        return of_text(size)
    raise OptionError(f"--launcher {text}: must be local:N, ray, or slurm (slurm:KEY=VALUE,…)")


def needs(package: str, extra: str) -> RunError:
    """What to install."""
    return RunError(f"--launcher {extra}: needs {package}: pip install clbench[{extra}]")
