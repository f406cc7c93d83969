"""`--launcher local:N`: N processes of this machine, each with a device of its own; on the CPU, threads are shared.

They end with the one that began them: SIGINT or SIGTERM to it is passed on, and each saves what it is at; where it is
killed, they notice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from typing import Any

from clbench.plans.task import Task, carry_out_task

LOST = 3  # times that processes may die before a run is given up
STOPPED = "stopped by a signal"
GRACE = 10.0  # seconds in which the pool ends a worker that is at nothing
_busy = threading.Event()  # of a worker: it is at a run


@dataclass(frozen=True, slots=True)
class LocalLauncher:
    """Processes of this machine.

    Args:
        size: how many at once.
    """

    size: int

    def finish(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str]]:
        """Each task when it has ended; where a process dies, what it was at goes on in another one.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM; every process has saved what it was at, and ended.
        """
        left = {task.run_id: task for task in tasks}
        with _terminated_as_interrupted():
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
        others = multiprocessing.active_children()
        with ProcessPoolExecutor(self.size, context, _begin, (numbers, self.size)) as pool:
            futures: dict[Future[str], Task] = {pool.submit(_carry_out, task): task for task in tasks}
            try:
                for future in as_completed(futures):
                    with contextlib.suppress(BrokenProcessPool):
                        if (wrong := future.result()) != STOPPED:
                            yield futures[future], wrong
            except BaseException:  # what has not begun is not begun any more
                for one in multiprocessing.active_children():
                    if one not in others:
                        one.terminate()
                pool.shutdown(cancel_futures=True)
                raise


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does, which leaves nobody behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = "runs are saved; the same command continues them"

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt(told)

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


# --- in a worker


def _begin(numbers: SimpleQueue[int], size: int) -> None:
    """A process's share of the machine, before it imports anything that computes."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C in a terminal comes to the one that began us alone, and from there to us
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    number = numbers.get()
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(devices) > 1 or devices[0]:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    elif (count := _gpus()) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % count)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // size)))


def _carry_out(task: Task) -> str:
    _busy.set()
    try:
        return carry_out_task(task)
    except KeyboardInterrupt:
        return STOPPED
    finally:
        _busy.clear()


def _stop(*_: Any) -> None:
    """At a run whose loop has not taken the signal over yet, end it; between runs the pool ends us, if it can."""
    if _busy.is_set():
        raise KeyboardInterrupt
    timer = threading.Timer(GRACE, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _end_with_parent() -> None:
    """Save what we are at, and end, when the one that began us is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    while _busy.is_set():
        time.sleep(0.1)
    os._exit(1)


def _gpus() -> int:
    """NVIDIA's devices, told without torch, which would take hold of them."""
    from pathlib import Path

    return len(list(Path("/dev").glob("nvidia[0-9]*")))
