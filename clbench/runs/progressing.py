"""How far a run has come, from its `events.jsonl` alone: also while another process, or another host, is at it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clbench.base.progress import left
from clbench.runs.events import read_events
from clbench.runs.rundir import RunDir

LAST = 200  # losses that are kept, for a line


@dataclass(frozen=True, slots=True)
class Progressing:
    """Of one run.

    Args:
        state: `running`, `finished`, `failed`, `interrupted`; or `not begun`.
        phase: what it is at, in words.
        phases: phases that are over, counted since the run's very beginning.
        of: phases of the run; None in logs from before it was told.
        step: optimizer steps so far.
        losses: of the last steps.
        tokens_per_second: of the last step.
        seconds: since it began, or was resumed.
        remaining: seconds that are left at the pace since then; None where that cannot be told.
        reason: why it failed or was interrupted.
    """

    state: str = "not begun"
    phase: str = ""
    phases: int = 0
    of: int | None = None
    step: int = 0
    losses: tuple[float, ...] = ()
    tokens_per_second: float | None = None
    seconds: float = 0.0
    remaining: float | None = None
    reason: str = ""


def progressing(run_dir: RunDir, *, now: float | None = None) -> Progressing:
    """How far a run has come."""
    return told(read_events(run_dir.path / "events.jsonl"), now=time.time() if now is None else now)


def told(events: Iterable[Mapping[str, Any]], *, now: float) -> Progressing:
    """The same of its events. Pure.

    Args:
        events: of the log, in order.
        now: seconds since 1970.
    """
    seen = _Seen()
    for one in events:
        seen.take(one)
    return seen.sum(now)


_ENDS = {"end": "finished", "failed": "failed", "interrupted": "interrupted"}


class _Seen:
    """What has been read so far."""

    def __init__(self) -> None:
        self.state, self.phase, self.reason = "not begun", "", ""
        self.over: set[tuple[str, int]] = set()
        self.before = self.step = 0  # phases that were over when this process began; steps
        self.of: int | None = None
        self.losses: list[float] = []
        self.speed: float | None = None
        self.began = self.last = 0.0
        self.share = 0.0  # of the present phase
        self.first, self.steps = 0, 0  # of the present task's training

    def take(self, one: Mapping[str, Any]) -> None:
        kind, self.last = one["event"], float(one.get("time", self.last))
        if kind in ("start", "resumed"):
            self.state, self.began, self.reason, self.share = "running", self.last, "", 0.0
            self.of = one.get("phases", self.of)
            if kind == "start":
                self.over.clear()
            self.before = len(self.over)
        elif kind in _ENDS:
            self.state, self.reason = _ENDS[kind], str(one.get("error") or "")
        elif kind == "training":
            self.phase, self.first, self.steps = f"train {one.get('task')}", self.step, int(one.get("steps") or 0)
            self.share = 0.0
        elif kind == "measuring":
            self.phase, self.share = f"score row {one.get('row')}", 0.0
        elif kind in ("trained", "measured"):
            self.over.add((kind, int(one.get("index", one.get("row", 0)))))
            self.share = 0.0
        elif kind == "step":
            self._step(one)

    def _step(self, one: Mapping[str, Any]) -> None:
        self.step = int(one.get("step") or 0)
        self.losses = [*self.losses[1 - LAST :], float(one.get("loss") or 0.0)]
        self.speed = one.get("tokens_per_second")
        self.share = min(1.0, (self.step - self.first) / self.steps) if self.steps else 0.0

    def sum(self, now: float) -> Progressing:
        running = self.state == "running"
        seconds = (now if running else self.last) - self.began
        done = len(self.over) + self.share - self.before
        rest = left(done, self.of - self.before, seconds=seconds) if running and self.of else None
        return Progressing(
            state=self.state,
            phase=self.phase if running else "",
            phases=len(self.over),
            of=self.of,
            step=self.step,
            losses=tuple(self.losses),
            tokens_per_second=self.speed,
            seconds=seconds if self.began else 0.0,
            remaining=rest,
            reason=self.reason,
        )
