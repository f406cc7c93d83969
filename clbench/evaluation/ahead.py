"""A row's tasks asked by several processes at once, on a CPU, of which a small model keeps one core busy.

Each process takes the next task that nobody has taken, and leaves its answers in that task's draft, as an evaluation
that was cut off does: whoever scores the row finds them there, and asks what is missing. A loss is told at once.
Processes are forked, so that each has the model as it stands; each computes on one thread, and writes drafts alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, NamedTuple

from clbench.base.forked import CLAIMS, begin, can_fork, claims, taken
from clbench.data.probes import ProbeData
from clbench.data.sources import TaskData
from clbench.evaluation.asking import ask
from clbench.evaluation.draft import Draft
from clbench.models import memory

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers, Evaluator

MOST, EACH = 8, 32  # processes; records that make one worth while
LOOK = 0.5  # seconds between two looks at what others have done


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that is asked ahead.

    Args:
        data: of the task.
        draft: where its answers go.
        around: the measurement of it.
    """

    data: TaskData
    draft: Draft
    around: Callable[[], AbstractContextManager[None]]

    @property
    def name(self) -> str:
        """Of the task."""
        return self.data.task.name

    @property
    def work(self) -> int:
        """About how long it takes: tokens that are written at most."""
        return len(self.data.test) * self.data.task.max_new_tokens


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was asked.

    Args:
        names: of the tasks whose records were counted as they were answered.
        losses: by name, of those that are measured by it.
    """

    names: frozenset[str] = frozenset()
    losses: dict[str, float] = field(default_factory=dict)


class Batch(NamedTuple):
    """What a process says when some records more are done.

    Args:
        number: of them.
        loss: name and mean loss (nats a token) of a task that is measured by it.
    """

    number: int
    loss: tuple[str, float] | None = None


class Done(NamedTuple):
    """What a process says when nothing is left: its warnings, and which engines have written."""

    warnings: list[str]
    engines: list[str]


def ask_ahead(
    evaluator: Evaluator,
    model: Any,
    tasks: Sequence[Asked],
    *,
    settle: Callable[[], None],
    on_batch: Callable[[int], None],
) -> Ahead:
    """Ask tasks, if that is faster by several processes; else none of them.

    Args:
        evaluator: prompts to answers.
        model: causal LM.
        tasks: whose answers go to drafts.
        settle: called before processes are forked, which must find no thread at work.
        on_batch: told how many records more are done, by whomever; it may raise to stop.
    """
    mine = [one for one in tasks if not _is_external(one.data) and one.draft.writable]
    mine = sorted(mine, key=lambda one: -one.work)[:CLAIMS]  # the longest first, so that all are done at one time
    count = processes(evaluator, model, tasks=len(mine), records=sum(len(one.data.test) for one in mine))
    if count < 2:
        return Ahead()
    settle()
    found = Ahead(frozenset(one.name for one in mine))
    with (
        claims(len(mine)) as pile,
        _alone(evaluator),
        _others(count - 1, lambda told: _work(evaluator, model, mine, pile, told)) as others,
    ):

        def on_own(batch: Batch) -> None:
            _take(batch, found, on_batch)
            others.hear(evaluator, lambda batch: _take(batch, found, on_batch))

        for number in taken(pile):
            _ask(evaluator, model, mine[number], on_own)
        while others.left:
            on_batch(0)
            others.hear(evaluator, lambda batch: _take(batch, found, on_batch), seconds=LOOK)
    return found


def is_worth(evaluator: Evaluator, model: Any, tasks: Sequence[TaskData]) -> bool:
    """Whether several processes would ask tasks of which nothing is known."""
    return processes(evaluator, model, tasks=len(tasks), records=sum(len(one.test) for one in tasks)) > 1


def processes(evaluator: Evaluator, model: Any, *, tasks: int, records: int) -> int:
    """How many processes are to ask: as many as threads compute, if memory bears them; 1 where forking is no help."""
    import torch

    device, threads = evaluator.accelerator.device, torch.get_num_threads()
    plain = can_fork() and device.type == "cpu" and isinstance(model, torch.nn.Module)
    if not plain or evaluator.accelerator.num_processes > 1 or not evaluator.heads:
        return 1
    each = memory.MOST + sum(one.numel() * one.element_size() for one in model.parameters())
    most = evaluator.runtime.eval_processes or MOST
    count = min(threads, tasks, most, records // EACH, int(memory.SHARE * memory.free(device)) // each)
    return count if 2 * count > threads else 1  # more threads than that serve a task better together


def _is_external(data: TaskData) -> bool:
    return isinstance(data, ProbeData) and data.external is not None


def _take(batch: Batch, found: Ahead, on_batch: Callable[[int], None]) -> None:
    found.losses.update([batch.loss] if batch.loss else [])
    on_batch(batch.number)


def _ask(evaluator: Evaluator, model: Any, one: Asked, on_batch: Callable[[Batch], None]) -> None:
    def found(answers: Answers) -> None:
        one.draft.add(answers)
        on_batch(Batch(len(answers)))

    with one.around():
        if one.data.task.measure == "loss":
            on_batch(Batch(len(one.data.test), (one.name, evaluator.mean_loss(model, one.data.test))))
            return
        ask(evaluator, model, one.data, on_batch=found, known=one.draft.read(len(one.data.test)))


@contextlib.contextmanager
def _alone(evaluator: Evaluator) -> Iterator[None]:
    """On one thread; tokens are counted by who scores."""
    import torch

    threads, tokens = torch.get_num_threads(), evaluator.tokens
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        evaluator.tokens = tokens


# --- the other processes


def _work(evaluator: Evaluator, model: Any, tasks: Sequence[Asked], pile: int, told: Connection) -> None:
    """What another process does: it ends when nothing is left, or when the one that began it is no more."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that began it hears it, and ends this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    parent, warnings = os.getppid(), list[str]()
    for one in filter(None, (evaluator, evaluator.engines)):
        one.warn = warnings.append

    def on_batch(batch: Batch) -> None:
        if os.getppid() != parent:
            os._exit(1)
        told.send(batch)

    for number in taken(pile):
        _ask(evaluator, model, tasks[number], on_batch)
    told.send(Done(warnings, list(evaluator.wrote)))


@dataclass(slots=True)
class _Others:
    """Processes beside this one.

    Args:
        left: where those are heard that are not done.
    """

    left: list[Connection]

    def hear(self, evaluator: Evaluator, on_batch: Callable[[Batch], None], *, seconds: float = 0) -> None:
        """Take in what they have said so far."""
        for one in wait(self.left, seconds):
            assert isinstance(one, Connection)
            try:
                said = one.recv()
            except EOFError:  # it has died: what it has not left is asked by who scores
                self.left.remove(one)
                continue
            if isinstance(said, Batch):
                on_batch(said)
                continue
            for message in said.warnings:
                evaluator.warn(message)
            evaluator.wrote.update(dict.fromkeys(said.engines))


@contextlib.contextmanager
def _others(number: int, work: Callable[[Connection], None]) -> Iterator[_Others]:
    """Begin processes, and end those that are still there."""
    started: list[tuple[BaseProcess, Connection]] = []
    with contextlib.suppress(OSError):  # as many as the machine gives
        started += (begin(work) for _ in range(number))
    try:
        yield _Others([ours for _, ours in started])
    finally:
        for process, ours in started:
            process.kill()
            process.join()
            ours.close()
