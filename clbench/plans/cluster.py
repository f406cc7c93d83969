"""`--launcher ray`: a task a device of a Ray cluster, which begins again elsewhere when a node is lost.

The cluster is the one of `RAY_ADDRESS`, else one of this machine. All of its nodes must see the folder of runs: what a
lost worker was at goes on from its last checkpoint there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from clbench.plans.task import Task, carry_out_task, needs

LOST = 5  # workers that a run may lose


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
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
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
