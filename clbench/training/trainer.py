"""The inner loop: one experience, from examples to a trained model. A method acts at five places."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from clbench.base import seeding
from clbench.data.batches import ends_where_padded, steps_of_epoch
from clbench.data.example import Example
from clbench.data.tokenising import Encoded, Encoder, EncodingCounts
from clbench.methods.weights import check_optimizer
from clbench.parallel import sharding
from clbench.training.accumulating import Accumulator
from clbench.training.batching import Batching
from clbench.training.optimizing import adamw, schedule
from clbench.training.passes import PassCounter
from clbench.training.reading import Reading, StepDone, StepObserver

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.methods.method import Experience, Method, Run
    from clbench.spec.protocol import Protocol


COUNTED = {
    "prompt_truncated": "prompt_truncated",
    "answer_truncated": "answer_truncated",
    "merged": "whose answer begins with a token of its own, which the tokenizer would have joined to the prompt",
}
"""What happened to examples on their way to tokens, as a record's warnings have it."""


@dataclass(slots=True)
class TrainCounts:
    """What training cost, in units that do not depend on the machine.

    Args:
        steps: optimizer steps.
        tokens: tokens that passed through the model in training steps, without padding.
        answer_tokens: those of them with a loss.
        examples: examples seen, repetitions counted.
        planned: examples of the loop's steps, where a method made rows of them; else those that were seen.
    """

    steps: int = 0
    tokens: int = 0
    answer_tokens: int = 0
    examples: int = 0
    planned: int = 0


@dataclass(slots=True)
class Trainer:
    """Everything that stays the same from experience to experience.

    Args:
        accelerator: device and other processes.
        method: the method.
        run: what the method sees.
        encoder: text to tokens.
        protocol: how, with the method's learning rate.
        batching: the form of passes.
        planned_steps: optimizer steps of the whole stream, for a schedule that spans it.
        on_step: told of each step, on a GPU when the next one has been handed over.
        at_rest: called with the number of a step in its experience when everything that it changes is changed: the
            moment to save.
        late: whether numbers are read a step late; where the device is a GPU.
    """

    accelerator: Accelerator
    method: Method
    run: Run
    encoder: Encoder
    protocol: Protocol
    batching: Batching
    planned_steps: int
    on_step: StepObserver
    at_rest: Callable[[int], None] = lambda done: None
    late: bool = False
    counts: TrainCounts = field(default_factory=TrainCounts)
    forward_model: Any = None
    accumulator: Accumulator = field(init=False)
    scheduled: int = 0  # steps that moved the learning-rate schedule on: all but rehearsal
    rate: float = 0.0
    waiting: Callable[[], None] | None = None  # tells of the last step, whose numbers are not read yet
    others: dict[Example, tuple[Encoded, EncodingCounts]] = field(default_factory=dict)  # what methods add to batches
    passes: PassCounter = field(default_factory=PassCounter)
    own: frozenset[Example] | None = None  # of the stream, to tell what a method brings besides

    def prepare(self) -> None:
        """Wrap the model for several devices, and make the optimizer."""
        self.late = self.run.device.type == "cuda"
        self.passes.watch(self.run.model)
        self.forward_model = sharding.share_out(self.accelerator, self.run.model)
        self.accumulator = Accumulator(self.accelerator, self.method, self.run, self.batching, self.forward_model)
        self.make_optimizer()

    def make_optimizer(self) -> None:
        """A fresh optimizer: the method's own, or the protocol's AdamW."""
        params = [(name, p) for name, p in self.run.model.named_parameters() if p.requires_grad]
        own = self.method.make_optimizer(params, self.run)
        check_optimizer(None if own is None else type(self.method).__name__, self.protocol)
        self.run.optimizer = (
            own if own is not None else adamw([p for _, p in params], self.protocol, seed=self.run.seed)
        )
        self._note_rates()

    def _note_rates(self) -> None:
        """Each group's own rate, which the schedule scales; also of groups that a method adds later."""
        assert self.run.optimizer is not None
        for group in self.run.optimizer.param_groups:
            group.setdefault("base_lr", group["lr"])

    def train(self, experience: Experience, data: Sequence[Example], *, start: int = 0) -> None:
        """One experience: every epoch's steps over its data.

        Args:
            experience: which.
            data: its examples.
            start: steps that were made before an interruption.

        Raises:
            RunError: the loss is no longer a number.
        """
        encoded = self._encode(data, label=experience.task)
        self.accumulator.make_room(encoded)
        epochs = range(experience.epochs)
        plan = [step for epoch in epochs for step in self._steps(len(encoded), "data", experience.index, epoch)]
        if not start:
            self._note_strangers(experience.task, data)
            seeding.seed_global(self.run.seed, "train", experience.index)  # dropout
        with self._training():
            for done in range(start, len(plan)):
                rate = self.learning_rate(done=done, total=len(plan))
                self.scheduled += 1
                self.step(self._batch(data, encoded, plan[done]), rate=rate, done=done + 1)

    def rehearse(self, experience: Experience, data: Sequence[Example], *, start: int = 0) -> None:
        """One epoch over what the method wants trained after an experience, at the learning rate reached."""
        encoded = self._encode(data, label=f"rehearsal after {experience.task}")
        self.accumulator.make_room(encoded)
        plan = self._steps(len(encoded), "rehearsal", experience.index)
        if not start:
            self._note_strangers(experience.task, data)
            seeding.seed_global(self.run.seed, "rehearse", experience.index)
        with self._training():
            for done in range(start, len(plan)):
                self.counts.planned += len(plan[done])
                self.step([encoded[index] for index in plan[done]], rate=self.rate, done=done + 1)

    def _note_strangers(self, task: str, examples: Sequence[Example]) -> None:
        """Count what no task of the stream has, in a warning, which a checkpoint keeps."""
        if self.own is not None and (number := sum(one not in self.own for one in examples)):
            text = f"{task}: examples that are not the stream's were trained on"
            self.run.warnings[text] = self.run.warnings.get(text, 0) + number

    def _encode(self, data: Sequence[Example], *, label: str) -> list[Encoded]:
        encoded, counts = self.encoder.examples(data)
        self.run.warnings.update(_told(counts, label))
        return encoded

    def _steps(self, size: int, *name: str | int) -> list[list[int]]:
        rng = seeding.rng(self.run.seed, *name)
        return steps_of_epoch(size, global_batch=self.protocol.global_batch, rng=rng)

    def _batch(self, data: Sequence[Example], encoded: Sequence[Encoded], indices: Sequence[int]) -> list[Encoded]:
        """What one step trains on, after the method has had its say."""
        own = [data[index] for index in indices]
        wanted = self.method.batch_data(self.run, own)
        tokens = dict(zip(own, (encoded[index] for index in indices), strict=True))
        others = [one for one in wanted if not isinstance(one, Encoded) and one not in tokens]
        if others and self.run.experience is not None:
            self._note_strangers(self.run.experience.task, others)
        rows = [one if isinstance(one, Encoded) else tokens.get(one) or self._other(one) for one in wanted]
        made = not wanted or any(isinstance(one, Encoded) for one in wanted)
        self.counts.planned += len(own) if made else len(rows)
        return rows

    def _other(self, one: Example) -> Encoded:
        """What a method adds to a batch, tokenised once.

        What was cut of a stranger is counted each time that it is trained on, so that a run that was cut off counts
        alike; of the stream's own examples their own task has counted it.
        """
        if one not in self.others:
            (tokens,), counts = self.encoder.examples([one])
            self.others[one] = tokens, counts
        tokens, counts = self.others[one]
        if self.own is not None and one not in self.own:
            for text, number in _told(counts, "examples of a method").items():
                self.run.warnings[text] = self.run.warnings.get(text, 0) + number
        return tokens

    @contextlib.contextmanager
    def _training(self) -> Iterator[None]:
        self.forward_model.train()
        yield
        self.settle()
        self.forward_model.eval()

    def learning_rate(self, *, done: int, total: int) -> float:
        """Set and return the learning rate factor's result for the step to come.

        Args:
            done: steps made in this experience.
            total: steps of this experience.
        """
        if self.protocol.schedule_span == "stream":
            done, total = self.scheduled, self.planned_steps
        factor = schedule(done, total=total, kind=self.protocol.schedule, warmup_ratio=self.protocol.warmup_ratio)
        self._note_rates()
        optimizer = self.run.optimizer
        assert optimizer is not None
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        self.rate = self.protocol.learning_rate * factor
        return self.rate

    def step(self, examples: Sequence[Encoded], *, rate: float, done: int = 0) -> None:
        """One optimizer step over a global batch, the `done`-th of its experience or rehearsal."""
        run, optimizer = self.run, self.run.optimizer
        assert optimizer is not None
        if not examples:
            self._pass_over(rate=rate, done=done)
            return
        if self.protocol.end_of_text == "padded":
            examples = ends_where_padded(examples, end=self.encoder.end)
        loss = self.accumulator.gradient(examples)
        reading = Reading(run.model, step=run.step + 1, late=self.late)
        reading.take_loss(loss)
        self.method.after_backward(run)
        norm = reading.take_norm()
        torch.nn.utils.clip_grads_with_norm_(run.model.parameters(), self.protocol.max_grad_norm, norm)
        optimizer.step()
        run.step += 1
        self.method.after_step(run)
        optimizer.zero_grad(set_to_none=True)
        self._count(examples)
        reading.send()
        before, self.waiting = self.waiting, partial(self._tell, reading, done, rate, sum(len(e.ids) for e in examples))
        if before is not None:
            before()
        if not self.late:
            self.settle()
        self.at_rest(done)

    def _tell(self, reading: Reading, done: int, rate: float, tokens: int) -> None:
        loss, norm = reading.read()
        self.on_step(StepDone(reading.step, done, loss, rate, tokens, norm))

    def settle(self) -> None:
        """Read what is still on its way, and tell of it.

        Raises:
            RunError: a loss or gradient is no number.
        """
        before, self.waiting = self.waiting, None
        if before is not None:
            before()

    def _pass_over(self, *, rate: float, done: int) -> None:
        """A step that a method gave nothing to train on: no weight and no moment changes."""
        task = self.run.experience.task if self.run.experience else "training"
        self.run.warn(f"{task}: steps without anything to train on")
        self.settle()
        self.run.step += 1
        self.on_step(StepDone(self.run.step, done, 0.0, rate, 0, 0.0))
        self.at_rest(done)

    def _count(self, examples: Sequence[Encoded]) -> None:
        self.counts.steps += 1
        self.counts.examples += len(examples)
        self.counts.answer_tokens += sum(one.num_answer for one in examples)
        self.counts.tokens += sum(len(one.ids) for one in examples)


def _told(counts: EncodingCounts, label: str) -> dict[str, int]:
    """Warnings of the record, with their counts."""
    found = {what: getattr(counts, name) for name, what in COUNTED.items()}
    return {f"{label}: training examples {what}": number for what, number in found.items() if number}
