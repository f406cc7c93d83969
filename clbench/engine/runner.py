"""The outer loop: a method learns a stream and is scored after each experience.

What happens is a list of episodes (see `episodes`), so that plain fine-tuning and its bounds are one loop.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.base import seeding
from clbench.base.errors import ClbenchError, RunError
from clbench.base.progress import Progress
from clbench.data.example import Example, TrainingData
from clbench.engine import runstate
from clbench.engine.drafts import drop_drafts, drop_rows
from clbench.engine.guards import SHARDED, Guards
from clbench.engine.reckoning import make_record
from clbench.engine.resume import Checkpointer, Cursor, StopSignal, stop_signal
from clbench.engine.scorekeeper import Scorekeeper
from clbench.engine.staging import UNSAVED, is_sharded, stage, with_learning_rate
from clbench.methods.episodes import Episode, episodes
from clbench.methods.method import Experience
from clbench.models import device, drift
from clbench.models.loading import load_model
from clbench.plugins.registry import Registry
from clbench.runs import provenance
from clbench.runs.record import Record
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir

if TYPE_CHECKING:
    import torch

    from clbench.evaluation.evaluator import Evaluator
    from clbench.models.loading import LoadedModel
    from clbench.training.trainer import StepDone


def execute(
    config: RunConfig, *, run_dir: RunDir, registry: Registry, progress: Progress, fresh: bool = False
) -> Record:
    """Run to the end, or go on from where the run was interrupted, leaving the run directory and the record in it.

    Args:
        config: what to run.
        run_dir: where.
        registry: methods, scorers, observers.
        progress: of the run.
        fresh: begin again, whatever is there.

    Raises:
        ClbenchError: what is wrong with the input, or why the run failed; the run directory says so too.
        KeyboardInterrupt: SIGINT or SIGTERM; the state is saved.
    """
    plugins = registry.plugins
    try:
        with stop_signal() as stop:
            loop = _Loop(config, run_dir=run_dir, registry=registry, progress=progress, stop=stop)
            return loop.run(fresh=fresh)
    except BaseException as error:
        reason = str(error) if isinstance(error, ClbenchError) else f"{type(error).__name__}: {error}"
        if run_dir.path.is_dir():
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            run_dir.write_state(status=status, error=reason)
            run_dir.event(status, error=reason)
        plugins.emit("clbench_run_error", run_id=run_dir.run_id, error=reason)
        if "out of memory" in reason:
            raise RunError(
                f"out of memory: lower runtime.micro_batch or runtime.eval_batch by --set ({reason[:120]})"
            ) from error
        raise


class _Loop:
    """The state of one run while it goes on."""

    def __init__(
        self, config: RunConfig, *, run_dir: RunDir, registry: Registry, progress: Progress, stop: StopSignal
    ) -> None:
        self.config, self.run_dir, self.registry, self.progress = config, run_dir, registry, progress
        self.stop = stop
        self.method = config.choice.create(config.options)
        self.protocol = with_learning_rate(config.plan.protocol, self.method)
        self.warnings: dict[str, int] = {}
        self.seconds = {"train": 0.0, "eval": 0.0}

    def run(self, *, fresh: bool) -> Record:
        """Base row, then every episode and its row; what was done before an interruption is left out."""
        self._open(fresh=fresh)
        loaded = self._load()
        cursor = self._take_up()
        plan, regime = self.config.plan, self.config.choice.regime
        for episode in [Episode(0, ()), *episodes(regime, len(plan.tasks))]:
            if episode.row < cursor.row:
                continue
            resumed = episode.row == cursor.row
            if not (resumed and cursor.stage == "measure"):
                if episode.from_base and self.run_state.step and not resumed:
                    self._restart(loaded)
                self._train(episode, cursor=cursor if resumed else Cursor(episode.row, "train"))
            self._save(Cursor(episode.row))
            self._evaluate(episode.row)
        self.scores.complete()
        return self._close()

    # --- begin, continue, end

    def _open(self, *, fresh: bool) -> None:
        packages = [entry.plugin.package for entry in self.config.choice.entries]
        self.provenance = {**provenance.collect(packages=packages), "model_files": dict(self.config.model.files)}
        self.checkpointer = Checkpointer(
            self.run_dir.checkpoints,
            identity={"run": self.run_dir.run_id, "packages": self.provenance["packages"]},
            runtime=self.config.runtime,
            writable=self.run_dir.writable,
        )
        self.saved = None if fresh else self.checkpointer.load(say=self._say)
        config = self.config.describe(self.method)
        if self.saved is None:
            self.run_dir.clear()
        else:
            self.provenance = self.run_dir.state()["provenance"]
        self.run_dir.write_state(
            run=self.run_dir.run_id, status="running", error=None, config=config, provenance=self.provenance
        )
        self.run_dir.event("start" if self.saved is None else "resumed")
        self.registry.plugins.emit("clbench_run_start", run_id=self.run_dir.run_id, config=config)

    def _load(self) -> LoadedModel:
        """Model, evaluator, trainer."""
        from clbench.data.tokenising import Encoder
        from clbench.evaluation.evaluator import Evaluator

        config = self.config
        self.accelerator = device.make_accelerator(config.runtime.device)
        self.device: torch.device = self.accelerator.device
        self.sharded = is_sharded(self.accelerator, config)
        if self.sharded:
            self.warnings |= dict.fromkeys((UNSAVED, SHARDED), 1)
        loaded = self._load_model()
        self.warnings |= dict.fromkeys([*loaded.notes, *config.notes()], 1)
        protocol = self.protocol
        self.encoder = Encoder(
            loaded.tokenizer, max_prompt=protocol.max_prompt_tokens, max_answer=protocol.max_answer_tokens
        )
        self.evaluator: Evaluator = Evaluator(
            self.accelerator,
            self.encoder,
            protocol,
            config.runtime,
            warn=lambda message: self.warnings.update({message: 1}),  # once, however often the run was interrupted
        )
        self.scores = Scorekeeper(
            config,
            evaluator=self.evaluator,
            run_dir=self.run_dir,
            scorer=self.registry.scorer,
            progress=self.progress,
            warnings=self.warnings,
            on_batch=self._stop_if_asked,
        )
        self.guards = Guards(config, self.evaluator, active=not self.sharded)
        self.base_weights = drift.snapshot(loaded.model) if config.runtime.drift else {}
        device.reset_peak_memory(self.device)
        self._start(loaded)
        return loaded

    def _load_model(self) -> LoadedModel:
        config = self.config
        seeding.seed_global(config.seed, "model")
        return load_model(config.model, device=self.device, runtime=config.runtime, plugins=self.registry.plugins)

    def _start(self, loaded: LoadedModel) -> None:
        """The method takes over a base model."""
        self.stage = stage(
            self.config,
            method=self.method,
            model=loaded.model,
            protocol=self.protocol,
            accelerator=self.accelerator,
            encoder=self.encoder,
            warnings=self.warnings,
            on_step=self._on_step,
        )
        self.run_state, self.trainer = self.stage.run, self.stage.trainer

    def _restart(self, loaded: LoadedModel) -> None:
        """Back to the base model, with a fresh method and optimizer; the counts go on."""
        counts, step, notes = self.trainer.counts, self.run_state.step, self.run_state.notes
        scheduled = self.trainer.scheduled
        loaded.model = self._load_model().model
        self.method = self.config.choice.create(self.config.options)
        self._start(loaded)
        self.trainer.counts, self.run_state.step, self.run_state.notes = counts, step, notes
        self.trainer.scheduled = scheduled

    def _take_up(self) -> Cursor:
        """Go on from the checkpoint, if there is one."""
        if self.saved is None:
            return Cursor(0, "measure")
        cursor = Cursor(**self.saved["cursor"])
        runstate.restore(self.trainer, self.saved["run"])
        self.scores.load_state_dict(self.saved["scores"])
        self.guards.load_state_dict(self.saved["guards"])
        self.seconds, self.evaluator.tokens = dict(self.saved["seconds"]), self.saved["generated_tokens"]
        if self.run_dir.writable:
            drop_rows(self.run_dir.path, after=cursor.row - (cursor.stage != "measure"))
        where = f"row {cursor.row}" if cursor.stage == "measure" else f"task {cursor.row}, step {cursor.done}"
        self._say(f"continuing at {where} of {self.run_dir.run_id}")
        return cursor

    def _save(self, cursor: Cursor) -> None:
        if self.sharded:
            return
        self.checkpointer.save(
            cursor,
            {
                "run": runstate.capture(self.trainer, start=self.stage.versions),
                "scores": self.scores.state_dict(),
                "guards": self.guards.state_dict(),
                "seconds": dict(self.seconds),
                "generated_tokens": self.evaluator.tokens,
            },
        )
        if self.run_dir.writable:
            drop_drafts(self.run_dir.path, before=cursor.row)

    def _say(self, text: str) -> None:
        self.progress.say(text)
        if self.run_dir.path.is_dir():
            self.run_dir.event("note", text=text)

    def _stop_if_asked(self) -> None:
        if self.stop.requested:
            raise KeyboardInterrupt(f"run {self.run_dir.run_id} is saved; the same command continues it")

    def _close(self) -> Record:
        record = make_record(
            self.config,
            run_dir=self.run_dir,
            trainer=self.trainer,
            evaluator=self.evaluator,
            scores=self.scores,
            seconds=self.seconds,
            drift=self._drift(),
            provenance=self.provenance,
        )
        self.run_dir.save_record(record)
        self.run_dir.write_state(status="finished")
        if not self.config.runtime.keep_checkpoints:
            self.run_dir.drop_checkpoints()
        drop_drafts(self.run_dir.path, before=len(self.config.plan.tasks) + 1)
        self.run_dir.event("end")
        self.registry.plugins.emit("clbench_run_end", run_id=record.run, record=record.model_dump(mode="json"))
        return record

    # --- training

    def _train(self, episode: Episode, *, cursor: Cursor) -> None:
        plan, plugins = self.config.plan, self.registry.plugins
        index = episode.row
        name = "+".join(plan.tasks[position].name for position in episode.tasks)
        examples, epochs = self._episode_data(episode)
        experience = Experience(index=index, task=name, epochs=epochs)
        data = TrainingData(examples, name=name)
        self.run_dir.event("training", index=index, task=name)
        plugins.emit("clbench_experience_start", run_id=self.run_dir.run_id, index=index, task=name)
        self.run_state.experience = experience
        if self.protocol.reset_optimizer and index > 1:
            self.trainer.make_optimizer()
        steps = epochs * math.ceil(len(examples) / self.protocol.global_batch)
        self.place, began, before = cursor, time.perf_counter(), self.seconds["train"]
        self.clock = lambda: before + time.perf_counter() - began
        title = name.rpartition("/")[2] if len(episode.tasks) == 1 else "all tasks"
        self.method.before_experience(self.run_state, experience)
        training = self.method.training_data(self.run_state, experience, data)
        if cursor.stage == "train":
            self._restore_inside(cursor)
            with self.progress.task(f"train {index}/{len(plan.tasks)} {title}", total=steps - cursor.done):
                self.trainer.train(experience, training, start=cursor.done)
        self._rehearse(experience, data, title=f"rehearse {index}/{len(plan.tasks)}", cursor=cursor)
        self.method.after_experience(self.run_state, experience, data)
        data.close()
        self.stage.losses.forget()
        self.seconds["train"] = self.clock()
        self.run_dir.event("trained", index=index, task=name, step=self.run_state.step)
        plugins.emit("clbench_experience_end", run_id=self.run_dir.run_id, index=index, task=name)

    def _rehearse(self, experience: Experience, data: Sequence[Example], *, title: str, cursor: Cursor) -> None:
        if cursor.stage == "rehearse":
            self._restore_inside(cursor)
        examples = self.method.rehearsal_data(self.run_state, experience, data)
        if not examples:
            return
        done = 0
        if cursor.stage == "rehearse":
            self._restore_inside(cursor)
            done = cursor.done
        self.place = Cursor(experience.index, "rehearse", done)
        with self.progress.task(title, total=math.ceil(len(examples) / self.protocol.global_batch) - done):
            self.trainer.rehearse(experience, examples, start=done)
        self.run_dir.event("rehearsed", index=experience.index, examples=len(examples), step=self.run_state.step)

    def _episode_data(self, episode: Episode) -> tuple[list[Example], int]:
        """Examples and epochs; in a joint episode each task stands as often as its own budget says."""
        epochs = self.config.plan.epochs()
        if len(episode.tasks) == 1:
            position = episode.tasks[0]
            return list(self.config.data[position].train), epochs[position]
        return [one for position in episode.tasks for one in self.config.data[position].train * epochs[position]], 1

    def _restore_inside(self, cursor: Cursor) -> None:
        """Inside an experience: what its beginning has changed is as the checkpoint has it, and not as it would be."""
        if cursor.done:
            assert self.saved is not None
            runstate.restore(self.trainer, self.saved["run"])

    def _on_step(self, told: StepDone) -> None:
        self.progress.advance(1, note=f"loss {told.loss:.3f}")
        if told.step % 10 == 0:
            self.run_dir.event("step", step=told.step, loss=round(told.loss, 6), learning_rate=told.learning_rate)
        self.registry.plugins.emit(
            "clbench_step_end",
            run_id=self.run_dir.run_id,
            step=told.step,
            loss=told.loss,
            learning_rate=told.learning_rate,
            tokens=told.tokens,
        )
        if self.stop.requested or self.checkpointer.due(told.step):
            kept, self.seconds["train"] = self.seconds["train"], self.clock()
            self._save(dataclasses.replace(self.place, done=told.done))
            self.seconds["train"] = kept
        self._stop_if_asked()

    # --- evaluation

    def _evaluate(self, row: int) -> None:
        """Measure one row of R, where it is due."""
        began = time.perf_counter()
        self.run_dir.event("measuring", row=row)
        with self.method.evaluating(self.run_state):
            self.guards.look(self.run_state, row=row)
            scores = self.scores.measure(self.run_state.model, row=row)
        self.seconds["eval"] += time.perf_counter() - began
        if scores:
            self.registry.plugins.emit("clbench_eval_end", run_id=self.run_dir.run_id, after=row, scores=scores)

    def _drift(self) -> dict[str, Any]:
        if not self.base_weights:
            return {}
        with self.method.evaluating(self.run_state):
            return drift.measure(self.run_state.model, self.base_weights)
