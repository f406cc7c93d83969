"""Trackers of experiments as observers of runs, through accelerate: TensorBoard, Weights & Biases, trackio.

Off unless `--track` names one. A tracker is told losses, learning rates, gradient norms and scores, never records or
weights; one that fails is switched off and cannot hurt the run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import OptionError, unknown_name
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.manager import PluginRecord

if TYPE_CHECKING:
    from clbench.plugins.manager import Plugins

CLASSES = {"tensorboard": "TensorBoardTracker", "wandb": "WandBTracker", "trackio": "TrackioTracker"}
PROJECT = "clbench"


def check(names: Sequence[str]) -> None:
    """Before anything is run.

    Raises:
        UnknownNameError: no such tracker; OptionError: its package is not installed.
    """
    for name in names:
        if name not in CLASSES:
            raise unknown_name("tracker", name, CLASSES)
        if importlib.util.find_spec(name) is None:
            raise OptionError(f"--track {name}: is not installed: pip install {name}")


def attach(plugins: Plugins, names: Sequence[str], *, runs_dir: Path) -> None:
    """Have runs tell these trackers, once however often this is called."""
    for name in names:
        known = f"tracker-{name}"
        if known not in plugins.records:
            plugins.add(PluginRecord(known, "clbench", "", f"{__name__}:Tracker"))
            plugins.manager.register(Tracker(name, runs_dir=runs_dir), name=known)


class Tracker:
    """One tracker.

    Args:
        name: a key of `CLASSES`.
        runs_dir: of the runs; TensorBoard's files stand in each one's folder, below `tensorboard`.
    """

    def __init__(self, name: str, *, runs_dir: Path) -> None:
        self.name, self.runs_dir = name, runs_dir
        self.run_id, self.step, self.open = "", 0, None

    @hookimpl
    def clbench_run_start(self, run_id: str) -> None:
        """Another run; its tracker is made when there is something to tell, as accelerate has its device then."""
        self.run_id, self.step = run_id, 0

    def _log(self, values: dict[str, Any]) -> None:
        with _talking():
            if self.open is None:
                self.open = self._made()
                self.open.start()
            self.open.log(values, step=self.step)

    def _made(self) -> Any:
        from accelerate import tracking

        kind = getattr(tracking, CLASSES[self.name])
        if self.name == "tensorboard":
            return kind("tensorboard", self.runs_dir / self.run_id)
        return kind(PROJECT, name=self.run_id)

    @hookimpl
    def clbench_step_end(self, step: int, loss: float, learning_rate: float, gradient_norm: float) -> None:
        """A point of the training's curves."""
        self.step = step
        self._log({"loss": loss, "learning_rate": learning_rate, "gradient_norm": gradient_norm})

    @hookimpl
    def clbench_eval_end(self, after: int, scores: dict[str, float]) -> None:
        """A row of R."""
        self._log({"row": after, **{f"score/{task}": score for task, score in scores.items()}})

    @hookimpl
    def clbench_run_end(self) -> None:
        """All is told."""
        self._close()

    @hookimpl
    def clbench_run_error(self) -> None:
        """What there is, is told."""
        self._close()

    def _close(self) -> None:
        made, self.open = self.open, None
        if made is not None:
            service = sys.modules.get("trackio") if self.name == "trackio" else None
            with _talking():
                # accelerate leaves trackio's run open to trackio, which prints once more at the process's very end
                (service or made).finish()


def _talking() -> contextlib.AbstractContextManager[Any]:
    """What a tracker says of itself is no part of a command's output."""
    return contextlib.redirect_stdout(sys.stderr)
