"""One `clbench run`: everything checked first, then run by run, then the board.

Nothing is written before all that the user said has been understood: stream, methods, options, data, model, folders.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import atomic, consent, home
from clbench.base.errors import BusyError, OptionError, RecordError
from clbench.base.progress import Place
from clbench.boards import leaderboard
from clbench.data.chat import make_chat, template_hash
from clbench.data.probes import load_probe_data
from clbench.data.sources import TaskData, load_stream_data
from clbench.engine import words
from clbench.engine.drafts import tidy
from clbench.engine.fixed import modules_of
from clbench.engine.proberequest import with_asked
from clbench.methods.episodes import episodes
from clbench.models.loading import load_tokenizer
from clbench.models.naming import find_model
from clbench.plugins.registry import Registry, check_option_names
from clbench.runs.record import Record
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.runs.sources import changed, code_hashes
from clbench.sandbox import sandbox
from clbench.scoring import check_scorer, load_scorer
from clbench.spec.stream import StreamPlan, resolve
from clbench.spec.taskfiles import LoadedStream
from clbench.spec.wording import many
from clbench.tiny.world import probe_records

if TYPE_CHECKING:
    from clbench.base.progress import Progress
    from clbench.engine.request import Request
    from clbench.models.ref import ModelRef


AGAIN_SECONDS = 1.0  # between two looks at runs that other processes are at


def prepare(request: Request, registry: Registry) -> list[RunConfig]:
    """Every run of a request, fully resolved: method by method, order by order, seed by seed.

    Raises:
        ClbenchError: anything that is wrong with the request.
    """
    _allow(request)
    chosen = words.choose(request, registry)
    loaded, variant = words.find_stream(chosen.stream, registry, local=request.data is not None)
    runtime = words.make_runtime(chosen.settings.get("runtime", {}))
    seeds = words.choose_seeds(many(request.seed), request.seeds)
    base_dir = _base_dir(loaded, variant, request.data)
    plans = [
        _plan(request, loaded, variant, order, base_dir=base_dir, changes=chosen.settings, registry=registry)
        for order in words.choose_orders(many(request.order), request.orders)
    ]
    choices = [registry.composition(text) for text in dict.fromkeys(chosen.plugins)]
    check_option_names(chosen.options, choices)
    for choice in choices:
        choice.create(chosen.options)
    _check_scorers(plans[0], registry)
    data = {one.task.name: one for one in load_stream_data(plans[0], plugins=registry.plugins)}
    probes = tuple(load_probe_data(plans[0], world=probe_records, data_dir=request.data))
    assert isinstance(request.model, str)  # one in memory has a folder by now: see clbench.api
    model = find_model(
        request.model,
        revision=request.revision,
        trust_remote_code=request.trust_remote_code,
        runs_dir=request.runs_dir,
    )
    template = _template(plans[0], model)
    return [
        RunConfig(
            plan,
            _ordered(data, plan),
            choice,
            chosen.options,
            model,
            seed,
            runtime,
            probes,
            request.command(),
            template,
            request.save_model,
        )
        for choice in choices
        for plan in plans
        for seed in seeds
    ]


def _allow(request: Request) -> None:
    """What runs only where somebody has said so, for the rest of this process."""
    if request.allow_code:
        sandbox.allow()
    if request.allow_task_code:
        consent.allow_task_code()


def _plan(
    request: Request,
    loaded: LoadedStream,
    variant: str,
    order: str | None,
    *,
    base_dir: Path,
    changes: Mapping[str, Mapping[str, Any]],
    registry: Registry,
) -> StreamPlan:
    plan = resolve(
        loaded.stream,
        tasks=loaded.tasks,
        base_dir=base_dir,
        variant=variant,
        order=order,
        changes=changes,
        split=request.split,
    )
    asked = with_asked(plan, request.probes, registry)
    left_out = {one.task.name for one in plan.probes} - {one.task.name for one in asked}
    return dataclasses.replace(plan, probes=asked, left_out=tuple(sorted(left_out)))


def _base_dir(loaded: LoadedStream, variant: str, data: Path | None) -> Path:
    """What the paths of the stream's tasks are relative to."""
    if data is not None and not data.is_dir():
        raise OptionError(f"--data {data}: is no folder")
    local = loaded.stream.variants.get(variant)
    shipped = loaded.base_dir.is_relative_to(home.packaged("tasks").resolve())
    if shipped and local is not None and local.source == "files" and data is None:
        name = f"{loaded.stream.name}:{variant}"
        raise OptionError(f"stream {name} reads local files; say in which folder they are: --data FOLDER")
    return data if shipped and data else loaded.base_dir


def _template(plan: StreamPlan, model: ModelRef) -> str | None:
    """Hash of the model's chat template, tried, where the protocol asks through it."""
    if plan.protocol.prompt == "plain":
        return None
    tokenizer = load_tokenizer(model)
    make_chat(tokenizer, system=plan.protocol.system)
    return template_hash(tokenizer)


def _check_scorers(plan: StreamPlan, registry: Registry) -> None:
    """Before hours of training, not after them."""
    for task in (*plan.tasks, *(probe.task for probe in plan.probes)):
        for name in {*task.scorers.pairs().values(), *task.side}:
            spec = registry.scorer(name)
            check_scorer(spec, ranks=name in task.scorers.pairs().values())
            load_scorer(spec)
            if spec.runs_programs:
                _check_sandbox(task.name)


def _check_sandbox(task: str) -> None:
    """Whether what a model writes may and can be run."""
    if not sandbox.allowed():
        raise OptionError(f"{task} runs what the model writes, in a sandbox (docs/sandbox.md): --allow-code allows it")
    sandbox.check()


def _ordered(data: Mapping[str, TaskData], plan: StreamPlan) -> tuple[TaskData, ...]:
    return tuple(data[task.name] for task in plan.tasks)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run's end.

    Args:
        record: its result.
        run_dir: its folder.
        repeated: it had been finished before, and nothing was done.
    """

    record: Record
    run_dir: RunDir
    repeated: bool


def run_all(
    request: Request,
    configs: list[RunConfig],
    registry: Registry,
    progress: Progress,
    *,
    check: Callable[[RunDir, Record], None] | None = None,
) -> Iterator[Outcome]:
    """Run what is not finished yet, one by one; each adds its row to its board before the next begins.

    A run that another process is at is come back to when the others are done, until it is finished or free.

    Args:
        request: says where.
        configs: the runs.
        registry: methods, scorers, observers.
        progress: of the runs.
        check: called before a record comes onto a board that has it not; raises if it must not.

    Raises:
        ClbenchError: a folder cannot be written, or a run failed; those finished before it stay.
    """
    atomic.check_writable(request.runs_dir, option="--runs-dir")
    atomic.check_writable(request.leaderboards_dir, option="--leaderboards-dir")
    left, began, told = list(enumerate(configs, 1)), time.time(), set[int]()
    while left:
        busy = []
        for number, config in left:
            run_dir = RunDir(request.runs_dir / run_id(config), writable=is_first_process())
            place = Place(run_dir.run_id, number, len(configs), num_phases(config))
            fresh = request.fresh and not _is_newer(run_dir.record_path, began)
            try:
                record, repeated = _carry_out(config, run_dir, registry, progress, place, fresh=fresh)
            except BusyError as error:
                busy.append((number, config))
                if number not in told:
                    progress.say(f"{error}; run {number} of {len(configs)} is come back to")
                told.add(number)
                continue
            if run_dir.writable:
                if check and not (repeated and record.path(request.leaderboards_dir).is_file()):
                    check(run_dir, record)
                publish(record, request.leaderboards_dir, registry)
            yield Outcome(record, run_dir, repeated=repeated)
        if len(busy) == len(left):
            time.sleep(AGAIN_SECONDS)
        left = busy


def run_id(config: RunConfig) -> str:
    """What a run is called."""
    return config.run_id(config.choice.create(config.options))


def _is_newer(path: Path, moment: float) -> bool:
    """Whether there is a file that was written after a moment: by another process with the same command."""
    try:
        return path.stat().st_mtime > moment
    except FileNotFoundError:
        return False


def _finished(config: RunConfig, run_dir: RunDir, progress: Progress) -> Record | None:
    """The record of a run that is over; what a kill after its last row left behind goes."""
    record = run_dir.finished()
    if record is None:
        return None
    if not config.runtime.keep_checkpoints and run_dir.checkpoints.is_dir():
        with contextlib.suppress(RecordError), _held(run_dir):
            run_dir.write_state(status="finished", error=None)
            tidy(run_dir, keep_checkpoints=False)
    if config.save_model and not (run_dir.path / "model").is_dir():
        progress.say(f"{run_dir.run_id} is finished and kept no model; --fresh runs it again and keeps it")
    now = code_hashes({"clbench": "clbench", **modules_of(config)})
    if others := ", ".join(changed(record.provenance.get("code", {}), now)):
        progress.say(f"{run_dir.run_id} is finished; the code of {others} has changed since: --fresh runs it again")
    return record


def _held(run_dir: RunDir) -> contextlib.AbstractContextManager[None]:
    return run_dir.lock() if run_dir.writable else contextlib.nullcontext()


def is_first_process() -> bool:
    """Whether this process writes; the others of an `accelerate launch` only compute."""
    return int(os.environ.get("RANK", "0")) == 0


def num_phases(config: RunConfig) -> int:
    """Phases of a run that are shown one by one: training before each row of R, and scoring it."""
    return 1 + 2 * len(episodes(config.choice.regime, len(config.plan.tasks)))


def _carry_out(
    config: RunConfig, run_dir: RunDir, registry: Registry, progress: Progress, place: Place, *, fresh: bool
) -> tuple[Record, bool]:
    """A run's record, and whether it was there already.

    Raises:
        BusyError: another process is at the run.
    """
    record = None if fresh else _finished(config, run_dir, progress)
    if record is not None:
        return record, True
    from clbench.engine.runner import execute

    with _held(run_dir), progress.run(place), progress.shown():
        record = None if fresh else run_dir.finished()  # by another process, between our look and our lock
        if record is not None:
            return record, True
        return execute(config, run_dir=run_dir, registry=registry, progress=progress, fresh=fresh), False


def publish(record: Record, leaderboards_dir: Path, registry: Registry) -> leaderboard.Update:
    """Put a record where boards are made from, and make its board again."""
    path = record.path(leaderboards_dir)
    with atomic.lock(leaderboards_dir):
        record.save(path)
    registry.plugins.emit("clbench_result_saved", path=path, record=record.model_dump(mode="json"))
    (done,) = leaderboard.update(
        leaderboards_dir,
        summaries=registry.summary_specs(),
        board=record.board.name,
        plugins=registry.plugins,
        catalog=registry.catalog(),
        indexed=True,
    )
    return done
