"""One episode of training: a method's hooks around the inner loop, and the rehearsal that may follow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clbench.data.example import Example, TrainingData
from clbench.engine.fixed import Fixed
from clbench.engine.moving import Moving
from clbench.engine.resume import Cursor
from clbench.methods.episodes import Episode
from clbench.methods.method import Experience
from clbench.methods.weights import check_untouched
from clbench.runs.runconfig import RunConfig
from clbench.training import runstate

Inside = Mapping[str, Any] | None
"""State of a checkpoint inside an episode: what the episode's beginning changes is as it says, not as begun again."""


def learn(fixed: Fixed, moving: Moving, episode: Episode, *, start: Cursor, inside: Inside) -> None:
    """From the method's `before_experience` to its `after_experience`.

    Args:
        fixed: of the run.
        moving: of the run.
        episode: which.
        start: where to begin.
        inside: of the checkpoint, if it begins inside.
    """
    plan, run, method, trainer = fixed.config.plan, moving.stage.run, moving.method, moving.trainer
    index, size = episode.row, len(plan.tasks)
    name = "+".join(plan.tasks[position].name for position in episode.tasks)
    examples, epochs = episode_data(fixed.config, episode)
    experience, data = Experience(index=index, task=name, epochs=epochs), TrainingData(examples, name=name)
    steps = epochs * num_batches(fixed.config, len(examples)) - (start.done if start.stage == "train" else 0)
    fixed.run_dir.event("training", index=index, task=name, steps=steps)
    fixed.emit("clbench_experience_start", index=index, task=name)
    run.experience, run.records = experience, frozenset((one.prompt, one.answer) for one in examples)
    if run.protocol.reset_optimizer and index > 1:
        trainer.make_optimizer()
    moving.cursor = start
    title = name.rpartition("/")[2] if len(episode.tasks) == 1 else "all tasks"
    with moving.clock.running("train"), trainer.passes.counting():
        method.before_experience(run, experience)
        training = method.training_data(run, experience, data)
        if start.stage == "train":
            _restore(moving, start, inside)
            left = epochs * num_batches(fixed.config, len(examples)) - start.done
            with fixed.progress.task(f"train {index}/{size} {title}", total=left):
                trainer.train(experience, training, start=start.done)
        _rehearse(fixed, moving, experience, data, start=start, inside=inside)
        method.after_experience(run, experience, data)
        check_untouched(run.model, moving.stage.versions, method=fixed.config.choice.name, protocol=run.protocol)
        data.close()
        run.records = frozenset()
        moving.stage.losses.forget()
    fixed.run_dir.event("trained", index=index, task=name, step=run.step)
    fixed.emit("clbench_experience_end", index=index, task=name)


def _rehearse(
    fixed: Fixed, moving: Moving, experience: Experience, data: Sequence[Example], *, start: Cursor, inside: Inside
) -> None:
    """One epoch over what the method wants trained after an experience."""
    run, resumed = moving.stage.run, start.stage == "rehearse"
    if resumed:
        _restore(moving, start, inside)
    examples = moving.method.rehearsal_data(run, experience, data)
    if not examples:
        return
    if resumed:
        _restore(moving, start, inside)
    done = start.done if resumed else 0
    moving.cursor = Cursor(experience.index, "rehearse", done)
    title = f"rehearse {experience.index}/{len(fixed.config.plan.tasks)}"
    with fixed.progress.task(title, total=num_batches(fixed.config, len(examples)) - done):
        moving.trainer.rehearse(experience, examples, start=done)
    fixed.run_dir.event("rehearsed", index=experience.index, examples=len(examples), step=run.step)


def _restore(moving: Moving, start: Cursor, inside: Inside) -> None:
    if start.done:
        assert inside is not None
        runstate.restore(moving.trainer, inside)


def num_batches(config: RunConfig, size: int) -> int:
    """Optimizer steps of one pass over so many examples."""
    return math.ceil(size / config.plan.protocol.global_batch)


def episode_data(config: RunConfig, episode: Episode) -> tuple[list[Example], int]:
    """Examples and epochs; in a joint episode each task stands as often as its own budget says."""
    epochs = config.plan.epochs()
    if len(episode.tasks) == 1:
        position = episode.tasks[0]
        return list(config.data[position].train), epochs[position]
    return [one for position in episode.tasks for one in config.data[position].train * epochs[position]], 1
