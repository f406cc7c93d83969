"""One run carried out: found finished, or taken from where it stands to its record and its row on a board."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base import atomic
from clbench.base.errors import RecordError
from clbench.base.hashing import digest
from clbench.base.progress import Place
from clbench.boards import leaderboard
from clbench.engine.fixed import modules_of
from clbench.engine.resume import StopSignal, stop_signal
from clbench.evaluation.draft import is_tidy, tidy
from clbench.plugins.registry import Registry
from clbench.runs.boardcopy import compact
from clbench.runs.record import Record, read_record, record_path
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.runs.sources import changed, code_hashes

if TYPE_CHECKING:
    from clbench.base.progress import Progress
    from clbench.engine.request import Request


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run's end.

    Args:
        record: its result.
        run_dir: its folder.
        repeated: it had been finished before, or by another process, and nothing was done: whoever carries out the last
            of several makes their boards again (`renew`).
    """

    record: Record
    run_dir: RunDir
    repeated: bool


def run_dir_of(request: Request, config: RunConfig, run_id: str, *, by_record: bool = False) -> RunDir:
    """A run's folder, which may not be there, and its record's place."""
    published = record_path(request.leaderboards_dir, board=config.board(), method=config.choice.name, run=run_id)
    return RunDir(request.runs_dir / run_id, writable=is_first_process(), published=published, by_record=by_record)


def is_first_process() -> bool:
    """Whether this process writes; the others of an `accelerate launch` only compute."""
    return int(os.environ.get("RANK", "0")) == 0


def carry_out(
    config: RunConfig,
    request: Request,
    run_dir: RunDir,
    *,
    registry: Registry,
    progress: Progress,
    place: Place,
    began: float,
    check: Callable[[RunDir, Record], None] | None = None,
) -> Outcome:
    """A run from where it stands to its end, and its row.

    Args:
        config: of the run.
        request: that asks for it: where boards are, and whether a finished run is run again.
        run_dir: of the run.
        registry: methods, scorers, observers.
        progress: of the run.
        place: of the run among others.
        began: time since which a run is fresh: what another process has run since then is not run again.
        check: called before the record comes onto a board that has it not; raises if it must not.

    Raises:
        BusyError: another process is at the run.
        ClbenchError: the run failed.
        KeyboardInterrupt: SIGINT or SIGTERM; the run is saved, or had ended already: on its board, or failed.
    """
    fresh = request.fresh and not _is_newer(run_dir.record_path, began)
    record = None if fresh else _finished(config, run_dir, progress)
    if record is not None:
        return _on_its_board(Outcome(record, run_dir, repeated=True), request, registry, progress, check)
    with stop_signal() as stop:
        try:
            record, repeated = _execute(config, run_dir, registry, progress, place, stop, fresh=fresh)
            done = _on_its_board(Outcome(record, run_dir, repeated=repeated), request, registry, progress, check)
        except Exception as error:
            if stop.requested:
                raise KeyboardInterrupt(f"run {run_dir.run_id} failed: {error}") from error
            raise
    if stop.requested:  # when the last step was made, which no other would have told
        raise KeyboardInterrupt(f"run {run_dir.run_id} is finished; the same command goes on with what is left")
    return done


def _on_its_board(
    done: Outcome,
    request: Request,
    registry: Registry,
    progress: Progress,
    check: Callable[[RunDir, Record], None] | None,
) -> Outcome:
    """A run whose record is on its board; see `carry_out`."""
    record, path = done.record, done.record.path(request.leaderboards_dir)
    if done.run_dir.writable and not (done.repeated and _is_published(record, request.leaderboards_dir)):
        if check and not (done.repeated and path.is_file()):
            check(done.run_dir, record)
        if not done.repeated and (said := against(record, path)):
            progress.say(said)
        publish(record, request.leaderboards_dir, registry)
    return done


def against(record: Record, path: Path) -> str | None:
    """What a run that was made again says of the record whose place it takes; None where there is no such record."""
    try:
        before = read_record(path)
    except RecordError:
        return None
    now, then = compact.compacted(record), compact.compacted(before)
    if (now.scores, now.fold) == (then.scores, then.fold):
        return f"{record.run} made again: scores and predictions are those of its record on the board"
    where = before.provenance.get("arithmetic")
    parts = where.items() if isinstance(where, Mapping) else ()
    made = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in parts) or "where, it does not say"
    return f"{record.run} made again: scores or predictions are not those of its record on the board ({made})"


def _is_published(record: Record, leaderboards_dir: Path) -> bool:
    """Whether a finished run's record is on its board, as the run left it."""
    try:
        return read_record(record.path(leaderboards_dir)) in (record, compact.compacted(record))
    except RecordError:  # none, or a damaged one, whose place it takes
        return False


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
    if not _is_of(record, config, run_dir.run_id):
        raise RecordError(f"{run_dir.found()}: is not the record of the run that it is named after; remove it")
    keep = config.runtime.keep_checkpoints
    if not is_tidy(run_dir, keep_checkpoints=keep):
        with contextlib.suppress(RecordError), _held(run_dir):
            run_dir.write_state(status="finished", error=None)
            tidy(run_dir, keep_checkpoints=keep)
    if config.save_model and not (run_dir.path / "model").is_dir():
        progress.say(f"{run_dir.run_id} is finished and kept no model; --fresh runs it again and keeps it")
    now = code_now(frozenset({"clbench": "clbench", **modules_of(config)}.items()))
    if others := ", ".join(changed(record.provenance.get("code", {}), now)):
        progress.say_once(f"of finished runs the code of {others} has changed since: --fresh runs them again")
    return record


@cache
def code_now(modules: frozenset[tuple[str, str]]) -> Mapping[str, str]:
    """Hashes of the code that runs, which does not change while it does: see `code_hashes`."""
    return code_hashes(dict(modules))


def _is_of(record: Record, config: RunConfig, run_id: str) -> bool:
    """Whether a record says what a run's id stands for."""
    options = config.choice.options(config.choice.create(config.options))
    wanted = run_id, config.board().hash, digest(options), config.seed, tuple(one.name for one in config.plan.tasks)
    return wanted == (record.run, record.board.hash, digest(record.method.options), record.seed, record.tasks)


def _held(run_dir: RunDir) -> contextlib.AbstractContextManager[None]:
    return run_dir.lock() if run_dir.writable else contextlib.nullcontext()


def _execute(
    config: RunConfig,
    run_dir: RunDir,
    registry: Registry,
    progress: Progress,
    place: Place,
    stop: StopSignal,
    *,
    fresh: bool,
) -> tuple[Record, bool]:
    """A run's record, and whether another process has made it between our look and our lock."""
    from clbench.engine.runner import execute

    with _held(run_dir), progress.run(place), progress.shown():
        record = None if fresh else run_dir.finished()
        if record is not None:
            return record, True
        return execute(config, run_dir=run_dir, registry=registry, progress=progress, stop=stop, fresh=fresh), False


def publish(record: Record, leaderboards_dir: Path, registry: Registry) -> leaderboard.Update:
    """Put a record where boards are made from, and make its board again."""
    path = record.path(leaderboards_dir)
    with atomic.lock(leaderboards_dir):
        compact.save(record, path)
    registry.plugins.emit("clbench_result_saved", path=path, record=record.model_dump(mode="json"))
    return renew(record.board.name, leaderboards_dir, registry)


def renew(board: str, leaderboards_dir: Path, registry: Registry) -> leaderboard.Update:
    """Make a board again; only records that changed are read."""
    (done,) = leaderboard.update(
        leaderboards_dir,
        summaries=registry.summary_specs(),
        board=board,
        plugins=registry.plugins,
        catalog=registry.catalog,
        indexed=True,
    )
    return done
