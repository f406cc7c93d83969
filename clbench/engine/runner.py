"""One run: a method learns a stream and is scored after each experience.

`execute` reads as it happens: what is fixed (`Fixed`), what moves (`Moving`), and the verbs of `Runner`: take up,
train, save, measure, close. What is trained when is a list of episodes (see `methods.episodes`), so that plain
fine-tuning and its bounds are one loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clbench.base import home, spending
from clbench.base.errors import ClbenchError, DivergedError, RunError
from clbench.base.hashing import digest
from clbench.base.progress import Progress
from clbench.engine import lesson
from clbench.engine.distance import measure
from clbench.engine.fixed import Fixed, find_devices, fix
from clbench.engine.keeping import is_due, keep
from clbench.engine.moving import Moving
from clbench.engine.reckoning import make_record
from clbench.engine.resume import Cursor, StopSignal
from clbench.engine.scorekeeper import Scorekeeper
from clbench.engine.staging import Stage, stage, with_learning_rate
from clbench.evaluation.baserow import BaseRow
from clbench.evaluation.ceiling import ceilings, tell
from clbench.evaluation.draft import drop_drafts, drop_rows, tidy
from clbench.evaluation.guards import Guards
from clbench.evaluation.lengths import check_lengths
from clbench.forecast.holding import refuse_what_cannot_fit
from clbench.methods.episodes import Episode, episodes, num_phases
from clbench.methods.method import evaluating
from clbench.models import device
from clbench.models.bearing.window import window
from clbench.models.loading import add_end
from clbench.models.measured import MEASURED, save_weights
from clbench.parallel import processes
from clbench.plugins.registry import Registry
from clbench.runs import provenance
from clbench.runs.functions import replaced
from clbench.runs.predictions import check_files
from clbench.runs.record import Record
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Evaluator
    from clbench.methods.method import Method
    from clbench.models.loading import LoadedModel
    from clbench.training.reading import StepDone


def execute(
    config: RunConfig,
    *,
    run_dir: RunDir,
    registry: Registry,
    progress: Progress,
    stop: StopSignal,
    fresh: bool = False,
) -> Record:
    """Run to the end, or go on from where the run was interrupted, leaving the run directory and the record in it.

    Args:
        config: what to run.
        run_dir: where.
        registry: methods, scorers, observers.
        progress: of the run.
        stop: whether it is to end early.
        fresh: begin again, whatever is there.

    Raises:
        ClbenchError: what is wrong with the input, or why the run failed; the run directory says so too.
        KeyboardInterrupt: it was stopped; the state is saved.
    """
    try:
        runner = Runner(fix(config, run_dir=run_dir, registry=registry, progress=progress, stop=stop))
        with runner.fixed.checkpointer.closing():
            with spending.on("reading"):
                left = runner.take_up(fresh=fresh)
            for episode in left:
                runner.train(episode)
                runner.save(Cursor(episode.row))
                runner.measure(episode.row)
            return runner.close()
    except BaseException as error:
        reason = str(error) if isinstance(error, ClbenchError) else f"{type(error).__name__}: {error}"
        if run_dir.path.is_dir():
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            run_dir.write_state(status=status, error=reason, diverged=isinstance(error, DivergedError))
            run_dir.event(status, error=reason)
        registry.plugins.emit("clbench_run_error", run_id=run_dir.run_id, error=reason)
        if "out of memory" in reason:
            raise RunError(
                f"out of memory: lower runtime.micro_tokens or runtime.eval_batch by --set ({reason[:120]})"
            ) from error
        raise
    finally:
        spending.present().begin()  # what a process has spent before its first run counts in that one


class Runner:
    """The verbs of a run.

    Args:
        fixed: what stays the same.

    Attributes:
        moving: what changes; there after `take_up`.
    """

    moving: Moving

    def __init__(self, fixed: Fixed) -> None:
        self.fixed = fixed

    # --- take up

    def take_up(self, *, fresh: bool) -> list[Episode]:
        """Begin, or go on from the newest checkpoint.

        Returns:
            The episodes that are left, row 0 (the base model) among them, the first perhaps half done.
        """
        fixed, method = self.fixed, self._new_method()
        saved = None if fresh else fixed.checkpointer.load(say=fixed.say)
        self._announce(method, saved=saved)
        self.moving = self._begin(method, fresh=fresh)
        self.start, self.inside = Cursor(0, "measure"), None
        if saved is not None:
            self._continue(saved)
        plan = fixed.config.plan
        every = [Episode(0, ()), *episodes(fixed.config.choice.regime, len(plan.tasks))]
        self.last = every[-1].row
        if fixed.config.save_model:
            self._check_savable()
        return [one for one in every if one.row >= self.start.row]

    def _check_savable(self) -> None:
        """Before hours of training, not after them."""
        from clbench.models.saving import check_savable

        if self.devices.sharded:
            raise RunError("--save-model: a model in parts over several processes cannot be saved yet; leave it out")
        if self.fixed.config.choice.routes:
            raise RunError("--save-model: no model's folder holds how prompts are routed; leave it out")
        check_savable(self.moving.stage.run.model)

    def _announce(self, method: Method, *, saved: Mapping[str, Any] | None) -> None:
        """Say in `run.json` what is run, and that it is."""
        run_dir, config = self.fixed.run_dir, self.fixed.config.describe(method)
        if saved is None:
            run_dir.clear()
        else:
            begun, differs = provenance.taken_up(saved["provenance"], arithmetic=self.fixed.provenance["arithmetic"])
            self.fixed = dataclasses.replace(self.fixed, provenance=begun)
            if differs:
                self.fixed.say(differs)
            if not run_dir.is_readable():
                self.fixed.say(f"{run_dir.path / 'run.json'} is lost or damaged: written anew from the checkpoint")
        told = self.fixed.provenance
        run_dir.write_state(run=run_dir.run_id, status="running", error=None, config=config, provenance=told)
        phases = num_phases(self.fixed.config.choice.regime, len(self.fixed.config.plan.tasks))
        run_dir.event("start" if saved is None else "resumed", phases=phases)
        self.fixed.emit("clbench_run_start", config=config)

    def _begin(self, method: Method, *, fresh: bool) -> Moving:
        """Model, evaluator, scores and the method's stage, as they are before the first step."""
        from clbench.data.tokenising import make_encoder
        from clbench.evaluation.evaluator import Evaluator

        config, fixed = self.fixed.config, self.fixed
        self.devices = find_devices(config)
        refuse_what_cannot_fit(config, self.devices.device, share=self.devices.share)
        loaded = fixed.load_model(self.devices.device)
        self.protocol = protocol = with_learning_rate(config.plan.protocol, method)
        told = (*self.devices.warnings(), *loaded.notes)
        slow = device.slow_bf16(self.devices.device, precision=protocol.precision)
        for one in filter(None, (slow, *told)):
            fixed.say(one)
        self.warnings = warnings = dict.fromkeys((*told, *config.notes()), 1)
        encoder = make_encoder(loaded.tokenizer, protocol)
        self.ceilings = ceilings(config, encoder, window=window(loaded.model), scorer=fixed.registry.scorer)
        tell(self.ceilings, warnings=self.warnings, say=fixed.say)
        evaluator = Evaluator(
            self.devices.accelerator,
            encoder,
            protocol,
            config.runtime,
            warn=lambda message: warnings.update({message: 1}),  # once, however often the run was interrupted
            padding=loaded.padding,
            heads=not config.choice.routes,
        )
        folder = fixed.run_dir.path.resolve().as_posix()
        origin = fixed.run_dir.run_id, digest(folder)[:8]
        self.base_row = BaseRow(config, evaluator, home.rows_dir(), origin, fixed.say, fresh=fresh)
        scores = Scorekeeper(
            config,
            evaluator=evaluator,
            run_dir=fixed.run_dir,
            scorer=fixed.registry.scorer,
            progress=fixed.progress,
            warnings=self.warnings,
            on_batch=fixed.check_stop,
            on_row=fixed.checkpointer.wait,
            base=self.base_row,
        )
        device.reset_peak_memory(self.devices.device)
        guards = Guards(config, evaluator)
        made = self._stage(method, loaded, evaluator)
        if told := check_lengths(config, encoder, made.run.model):
            warnings[told] = 1
            fixed.say(told)
        return Moving(made, evaluator, scores, guards)

    def _new_method(self) -> Method:
        return self.fixed.config.choice.create(self.fixed.config.options)

    def _stage(self, method: Method, loaded: LoadedModel, evaluator: Evaluator) -> Stage:
        """The method takes over a base model; what it has to say of that is said before it learns."""
        add_end(loaded.model, evaluator.encoder.end)
        known = set(self.warnings)
        made = stage(
            self.fixed.config,
            method=method,
            loaded=loaded,
            protocol=self.protocol,
            accelerator=self.devices.accelerator,
            evaluator=evaluator,
            scorer=self.fixed.registry.scorer,
            warnings=self.warnings,
            on_step=self.on_step,
            at_rest=self.at_rest,
        )
        for message in self.warnings:
            if message not in known:
                self.fixed.say(message)
        return made

    def _continue(self, saved: Mapping[str, Any]) -> None:
        """Everything as the checkpoint has it."""
        fixed, run_dir = self.fixed, self.fixed.run_dir
        self.start, self.inside = Cursor(**saved["cursor"]), saved["run"]
        self.moving.load_state_dict(saved)
        check_files(run_dir.path, self.moving.scores.files)
        start = self.start
        if run_dir.writable:
            drop_rows(run_dir.path, after=start.row - (start.stage != "measure"))
        where = f"row {start.row}" if start.stage == "measure" else f"task {start.row}, step {start.done}"
        fixed.say(f"continuing at {where} of {run_dir.run_id}")
        fixed.progress.skip(max(0, 2 * start.row - (start.stage != "measure")))

    # --- train

    def train(self, episode: Episode) -> None:
        """One episode, or what an interruption left of it."""
        resumed = episode.row == self.start.row
        if resumed and self.start.stage == "measure":
            return
        if episode.from_base and self.moving.stage.run.step and not resumed:
            with spending.on("reading"):
                loaded = self.fixed.load_model(self.devices.device)
            self.moving.begin_anew(self._stage(self._new_method(), loaded, self.moving.evaluator))
        start = self.start if resumed else Cursor(episode.row, "train")
        lesson.learn(self.fixed, self.moving, episode, start=start, inside=self.inside if resumed else None)
        self.inside = None

    def on_step(self, told: StepDone) -> None:
        """Tell observers of an optimizer step."""
        fixed, moving = self.fixed, self.moving
        speed = moving.clock.pace(told.tokens)
        said = f", {speed:,.0f} tokens/s" if speed else ""
        fixed.progress.advance(1, note=f"loss {told.loss:.3f}{said}")
        values = {"step": told.step, "loss": told.loss, "learning_rate": told.learning_rate}
        fixed.run_dir.event("step", **_logged(values, told.gradient_norm, speed))
        fixed.emit("clbench_step_end", **values, tokens=told.tokens, gradient_norm=told.gradient_norm)

    def at_rest(self, done: int) -> None:
        """Save a step of an experience when it is time, or where the run is to stop."""
        fixed, moving = self.fixed, self.moving
        moving.cursor = dataclasses.replace(moving.cursor, done=done)
        fixed.checkpointer.prepare(moving.state_dict)
        due = fixed.checkpointer.due(moving.stage.run.step)
        stopping, due = processes.any_of(fixed.stop.requested, due)  # each hears signals, and has a clock, of its own
        fixed.stop.requested |= stopping
        if stopping or due:
            moving.trainer.settle()  # what is no number is never saved
            self.save(moving.cursor)
        fixed.check_stop()

    # --- save, measure, close

    def save(self, cursor: Cursor) -> None:
        """A checkpoint, from which the same command goes on exactly; it is written while the run goes on."""
        fixed, keeper = self.fixed, self.fixed.checkpointer
        self._note_engines()
        tidied = partial(drop_drafts, fixed.run_dir.path, before=cursor.row)
        where = {"cursor": dataclasses.asdict(cursor), "provenance": fixed.provenance}
        keeper.save({**where, **self.moving.state_dict()}, then=tidied)
        if keeper.foreground:
            self.moving.stage.run.note("saving", keeper.foreground)

    def measure(self, row: int) -> None:
        """One row of R, where it is due."""
        moving, run = self.moving, self.moving.stage.run
        self.fixed.run_dir.event("measuring", row=row)
        with moving.clock.running("eval"):
            with evaluating(moving.method, run):
                moving.guards.look(run, row=row)
            scores = moving.scores.measure(run.model, row=row, around=partial(evaluating, moving.method, run))
            if row == 0 and (taken := self.base_row.tell()):
                run.note("base_row", taken)
        self._note_engines()
        self.fixed.run_dir.event("measured", row=row)
        run.warnings.update(dict.fromkeys(replaced(), 1))
        self._keep(row)
        if scores:
            self.fixed.emit("clbench_eval_end", after=row, scores=scores)

    def _note_engines(self) -> None:
        """Who wrote answers so far; also in steps, of which a run that is taken up would know nothing."""
        run = self.moving.stage.run
        run.note("engines", list(dict.fromkeys([*run.notes.get("engines", ()), *self.moving.evaluator.wrote])))

    def _keep(self, row: int) -> None:
        """What was asked for of the weights that were measured, which may be others than the method trains."""
        fixed, run = self.fixed, self.moving.stage.run
        folder = is_due(fixed, row=row, last=self.last)
        weights = row == len(fixed.config.plan.tasks) and fixed.config.runtime.keep_checkpoints
        if not (folder or weights):
            return
        with evaluating(self.moving.method, run):  # in all processes; the first one writes
            if folder and fixed.run_dir.writable:
                keep(fixed, self.moving, row=row)
            if weights and fixed.run_dir.writable:
                save_weights(fixed.run_dir.checkpoints / MEASURED, run.model)

    def close(self) -> Record:
        """The record; what only an unfinished run needs goes."""
        fixed, moving, run_dir = self.fixed, self.moving, self.fixed.run_dir
        fixed.checkpointer.wait()
        moving.scores.complete()
        peak = device.peak_memory(self.devices.device)
        record = make_record(
            fixed.config,
            run_dir=run_dir,
            trainer=moving.trainer,
            evaluator=moving.evaluator,
            scores=moving.scores,
            seconds=moving.clock.now(),
            drift=measure(fixed, moving) if fixed.config.runtime.drift else {},
            peak_memory=peak,
            ceilings=self.ceilings,
            provenance=fixed.provenance,
        )
        run_dir.save_record(record)
        run_dir.write_state(status="finished")
        tidy(run_dir, keep_checkpoints=fixed.config.runtime.keep_checkpoints)
        run_dir.event("end")
        fixed.emit("clbench_run_end", record=record.model_dump(mode="json"))
        return record


def _logged(values: Mapping[str, float], norm: float, speed: float | None) -> dict[str, float]:
    """A step as its line in the log has it, in few digits: every step of a run has one."""
    told = {"loss": round(values["loss"], 6), "gradient_norm": float(f"{norm:.4g}")}
    return {**values, **told, **({"tokens_per_second": round(speed)} if speed else {})}
