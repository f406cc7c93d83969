"""`--launcher local:N`: N processes of this machine, each with a device of its own; on the CPU, threads are shared."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue

from clbench.plans.task import Task, carry_out_task

LOST = 3  # times that processes may die before a run is given up


@dataclass(frozen=True, slots=True)
class LocalLauncher:
    """Processes of this machine.

    Args:
        size: how many at once.
    """

    size: int

    def finish(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """Each task when it has ended; where a process dies, what it was at goes on in another one."""
        left = {task.run_id: task for task in tasks}
        for _ in range(LOST):
            for task, wrong in self._attempt(list(left.values())):
                del left[task.run_id]
                yield task, wrong
            if not left:
                return
        yield from ((task, f"its process died {LOST} times") for task in left.values())

    def _attempt(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """What ends before a process dies."""
        context = multiprocessing.get_context("spawn")
        numbers = context.SimpleQueue()
        for number in range(self.size):
            numbers.put(number)
        with ProcessPoolExecutor(self.size, context, _begin, (numbers, self.size)) as pool:
            futures: dict[Future[str], Task] = {pool.submit(carry_out_task, task): task for task in tasks}
            try:
                for future in as_completed(futures):
                    with contextlib.suppress(BrokenProcessPool):
                        yield futures[future], future.result()
            except BaseException:  # what has not begun is not begun any more
                pool.shutdown(cancel_futures=True)
                raise


def _begin(numbers: SimpleQueue[int], size: int) -> None:
    """A process's share of the machine, before it imports anything that computes."""
    number = numbers.get()
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(devices) > 1 or devices[0]:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    elif (count := _gpus()) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % count)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // size)))


def _gpus() -> int:
    """NVIDIA's devices, told without torch, which would take hold of them."""
    from pathlib import Path

    return len(list(Path("/dev").glob("nvidia[0-9]*")))
