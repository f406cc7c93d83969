"""`--launcher ray`: a task a device of a Ray cluster, which begins again elsewhere when a node is lost.

The cluster is the one of `RAY_ADDRESS`, else one of this machine. All of its nodes must see the folder of runs: what a
lost worker was at goes on from its last checkpoint there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from clbench.base.errors import RunError
from clbench.plans.task import Task, carry_out_task, needs

LOST = 5  # workers that a run may lose
ATTEMPTS = 4  # to begin a cluster here: Ray gives its own processes 15 s, which is short on a busy machine


class RayLauncher:
    """Tasks of Ray.

    Raises:
        RunError: Ray is not installed.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ImportError as error:
            raise needs("Ray", "ray") from error
        self.ray: Any = ray

    def finish(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """Each task when it has ended; Ray begins one again whose worker has died."""
        ray = self.ray
        if not ray.is_initialized():
            self._connect()
        device = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
        remote = ray.remote(**device, max_retries=LOST)(carry_out_task)
        futures = {remote.remote(task): task for task in tasks}
        while futures:
            (done,), _ = ray.wait(list(futures), num_returns=1)
            task = futures.pop(done)
            try:
                yield task, ray.get(done)
            except ray.exceptions.RayError as error:
                yield task, " ".join(str(error).split())[:300]

    def _connect(self) -> None:
        """To the cluster that there is, or one of this machine.

        Raises:
            RunError: there is none, and none begins.
        """
        wrong = ""
        for _ in range(ATTEMPTS):
            try:
                self.ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
                return
            except Exception as error:  # Ray raises a plain one
                wrong = " ".join(str(error).split())[:200]
                self.ray.shutdown()
        raise RunError(f"--launcher ray: no cluster ({wrong}); RAY_ADDRESS names one that runs")
