"""One run of the kit, in a folder of its own that is gone afterwards: what comes back is values."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from clbench.base.progress import Progress
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.registry import MethodChoice, Registry
from clbench.runs.recordparts import NOT_REPEATABLE
from clbench.testing import fresh, world
from clbench.testing.audit import Watch
from clbench.testing.sight import Sight
from clbench.testing.watch import WatchedChoice

if TYPE_CHECKING:
    import torch

    from clbench.engine.carrying import Outcome
    from clbench.engine.request import Request
    from clbench.runs.runconfig import RunConfig
    from clbench.testing.families import Family

CANARY = "clbench-canary-9f3b61c27d"


class _Deadly(Progress):
    """Kills its process at the n-th of the run's steps and evaluated batches; 0: never."""

    def __init__(self, at: int = 0) -> None:
        super().__init__()
        self.at, self.count = at, 0

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """A step or a batch."""
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class _Losses:
    """Hears the loss of each step, and keeps the last one in a file for who comes after a killed process."""

    file: Path | None = None
    losses: list[float] = field(default_factory=list)

    @hookimpl
    def clbench_step_end(self, loss: float) -> None:
        """One step."""
        self.losses.append(loss)
        if self.file is not None:
            self.file.write_text(loss.hex(), encoding="ascii")

    def heard(self) -> list[float]:
        """Of this process; where it had no step left to make, the last one of those before it."""
        if not self.losses and self.file is not None and self.file.exists():
            return [float.fromhex(self.file.read_text(encoding="ascii"))]
        return self.losses


@dataclass(frozen=True)
class Trial:
    """What a run left.

    Args:
        sight: what was noted of the method.
        error: why the run failed, if it did.
        record: without what differs from run to run.
        files: predictions and matrix, by name.
        losses: of each step.
        moments: steps and evaluated batches.
        deaths: how often it was killed.
        leaks: files that hold the environment's secret.
        judged: checks of the run by a process without the method: name, outcome, detail.
    """

    sight: Sight
    error: Exception | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    losses: Sequence[float] = ()
    moments: int = 0
    deaths: int = 0
    leaks: Sequence[str] = ()
    judged: Sequence[tuple[str, str, str]] = ()


def run(
    choice: MethodChoice,
    options: Mapping[str, Mapping[str, Any]],
    *,
    registry: Registry,
    sizes: Sequence[int] = (world.SIZE,) * 3,
    micro_batch: int = world.GLOBAL_BATCH,
    kill_every: int = 0,
    dropout: bool = True,
    double: bool = False,
    family: Family | None = None,
    judge: bool = False,
) -> Trial:
    """One run through the ordinary session.

    Args:
        choice: which method.
        options: for it.
        registry: that knows it.
        sizes: training examples of each task.
        micro_batch: examples a pass.
        kill_every: kill it after so many of its steps and evaluated batches, and give the same command again; 0: never.
        dropout: as the method has it; False: none, so that runs whose batches are cut in other ways can be compared.
        double: compute in fp64, where rounding is too small to be amplified to anything.
        family: of the model, instead of the kit's own.
        judge: have the finished run checked by a process without the method.
    """
    packages = method_packages(choice)
    with tempfile.TemporaryDirectory(prefix="clbench-check-") as name, _environment(Path(name)) as home:
        stream, model = world.write(home, sizes=sizes, family=family)
        sight = Sight(packages, CANARY, double=double)
        sight.watch = Watch(home, model, packages, sight.note)
        request = _request(
            home, stream, model, choice, options, micro_batch=micro_batch, kill=bool(kill_every), judge=judge
        )
        try:
            with _one_thread(), _dropout(sight, allowed=dropout), _steps(sight):
                done = _run(request, replace_choice(choice, sight), registry, kill_every=kill_every, sight=sight)
            return replace(done, judged=fresh.judge(home, stream, model)) if judge else done
        except Exception as error:
            return Trial(sight, error)


def method_packages(choice: MethodChoice) -> frozenset[str]:
    """Top-level packages of a choice's methods; clbench's own hide nothing."""
    return frozenset(entry.spec.target.partition(":")[0].partition(".")[0] for entry in choice.entries) - {"clbench"}


def replace_choice(choice: MethodChoice, sight: Sight) -> WatchedChoice:
    """The same choice under watch."""
    return WatchedChoice(choice.entries, choice.regime, sight=sight)


def _request(
    home: Path,
    stream: Path,
    model: Path,
    choice: MethodChoice,
    options: Mapping[str, Mapping[str, Any]],
    *,
    micro_batch: int,
    kill: bool,
    judge: bool,
) -> Request:
    from clbench.engine.request import Request

    runtime = {
        "device": world.device(),
        "micro_batch": micro_batch,
        "eval_batch": 2,
        "checkpoint_steps": 1 if kill else 1_000_000,
        "drift": False,
        "keep_checkpoints": judge,
        "share_base_row": False,  # each trial measures its own
    }
    return Request(
        stream=f"{stream}:files",
        plugin=(choice.name,),
        model=str(model),
        options=options,
        settings={"runtime": runtime},
        runs_dir=home / "runs",
        leaderboards_dir=home / "leaderboards",
    )


def _run(request: Request, choice: WatchedChoice, registry: Registry, *, kill_every: int, sight: Sight) -> Trial:
    from clbench.engine.session import prepare

    configs = [replace(config, choice=choice) for config in prepare(request, registry)]
    heard, progress = _Losses(request.runs_dir.parent / "last-loss" if kill_every else None), _Deadly()
    with _observing(registry, heard):
        deaths = _deaths(request, configs, registry, kill_every=kill_every) if kill_every else 0
        (outcome,) = _carry_out(request, configs, registry, progress)
    leaks = _leaks(request.runs_dir.parent)
    record, files = _result(outcome)
    return Trial(sight, None, record, files, heard.heard(), progress.count, deaths, leaks)


def _deaths(request: Request, configs: list[RunConfig], registry: Registry, *, kill_every: int) -> int:
    """Give the command to one process after the other until one of them ends; all before it were killed.

    What a method keeps anywhere but in its state is gone with its process. Each attempt lives longer than the one
    before, so that it ends.
    """
    deaths = 0
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child computes with one
            child = os.fork()
        if not child:
            _attempt(request, configs, registry, _Deadly(kill_every + deaths))
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            return deaths  # it ended, well or not: what comes next is told so
        deaths += 1


def _attempt(request: Request, configs: list[RunConfig], registry: Registry, progress: Progress) -> NoReturn:
    """In a process of its own, which ends here."""
    with contextlib.suppress(BaseException):
        _carry_out(request, configs, registry, progress)
    os._exit(0)


def _carry_out(request: Request, configs: list[RunConfig], registry: Registry, progress: Progress) -> list[Outcome]:
    """The runs of a request; the first that fails ends all."""
    from clbench.engine.carrying import Outcome
    from clbench.plans.jobs import arms_of_configs
    from clbench.plans.working import How, Worker

    ended = Worker(registry, progress, How(fail_fast=True)).work(arms_of_configs(request, configs))
    return [one for one in ended if isinstance(one, Outcome)]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """So that a forked process, which has but one, computes the same."""
    import torch

    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)


@contextlib.contextmanager
def _dropout(sight: Sight, *, allowed: bool) -> Iterator[None]:
    """Notice dropout, and switch it off if it is not allowed."""
    from torch.nn import functional

    original = functional.dropout

    def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:  # noqa: A002
        sight.drops |= training and p > 0
        return original(input, p, training and allowed, inplace)

    functional.dropout = dropout
    try:
        yield
    finally:
        functional.dropout = original


@contextlib.contextmanager
def _steps(sight: Sight) -> Iterator[None]:
    """Notice every step of every optimizer of torch."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    handle = register_optimizer_step_post_hook(lambda *_: sight.step_made())
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def _observing(registry: Registry, observer: _Losses) -> Iterator[None]:
    manager = registry.plugins.manager
    manager.register(observer, name="clbench.testing")
    try:
        yield
    finally:
        manager.unregister(name="clbench.testing")


def _result(outcome: Outcome) -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that two runs can be compared by."""
    record = outcome.record.model_dump(mode="json")
    for name in NOT_REPEATABLE:
        del record["costs"][name]
    del record["provenance"]  # says where it ran, and the sources may be changed meanwhile
    root = outcome.run_dir.path
    paths = [*sorted(root.rglob("predictions/**/*.*")), root / "matrix.json"]
    return record, {str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()}


def _leaks(home: Path) -> list[str]:
    """Files that a reader of the results might publish."""
    folders = (home / "runs", home / "leaderboards")
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(path.relative_to(home)) for path in paths if CANARY.encode() in path.read_bytes()]


@contextlib.contextmanager
def _environment(home: Path) -> Iterator[Path]:
    """Folders that are nobody's, and a secret that is nobody's."""
    changes = {"CLBENCH_HOME": str(home), "HF_TOKEN": CANARY, "TOKENIZERS_PARALLELISM": "false"}
    kept = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield home
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
