"""The inner loop: one experience, from examples to a trained model. Reads top to bottom; a method acts at five places.

The loss is the mean over all answer tokens of the global batch, whatever the number of micro-batches and devices:
each micro-batch adds its token sum over the whole step's token count, so accumulation changes nothing but rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch

from clbench.base import seeding
from clbench.data.batches import NO_LIMIT, collate, micro_batches, steps_of_epoch
from clbench.data.example import Example
from clbench.data.tokenising import Encoded, Encoder, EncodingCounts
from clbench.methods.weights import check_optimizer
from clbench.models import memory
from clbench.models.padding import Padding
from clbench.training import divergence
from clbench.training.losses import autocast, forward
from clbench.training.optimizing import adamw, schedule
from clbench.training.passes import PassCounter

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.methods.method import Experience, Method, Run
    from clbench.spec.protocol import Protocol, Runtime


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


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimizer step.

    Args:
        step: its number in the run.
        done: its number in the experience or rehearsal.
        loss: mean over the step's answer tokens, in nats.
        learning_rate: it was made with.
        tokens: of its examples, without padding.
        gradient_norm: global L2 norm of the gradients before they were clipped.
    """

    step: int
    done: int
    loss: float
    learning_rate: float
    tokens: int
    gradient_norm: float


StepObserver = Callable[[StepDone], None]


@dataclass(slots=True)
class Trainer:
    """Everything that stays the same from experience to experience.

    Args:
        accelerator: device and other processes.
        method: the method.
        run: what the method sees.
        encoder: text to tokens.
        protocol: how, with the method's learning rate.
        runtime: micro-batch.
        planned_steps: optimizer steps of the whole stream, for a schedule that spans it.
        on_step: told of each step when everything that it changes is changed.
        padding: what the model bears.
    """

    accelerator: Accelerator
    method: Method
    run: Run
    encoder: Encoder
    protocol: Protocol
    runtime: Runtime
    planned_steps: int
    on_step: StepObserver
    padding: Padding = field(default_factory=Padding)
    counts: TrainCounts = field(default_factory=TrainCounts)
    forward_model: Any = None
    scheduled: int = 0  # steps that moved the learning-rate schedule on: all but rehearsal
    rate: float = 0.0
    tokens: int = NO_LIMIT  # padded ones that a micro-batch may have
    fits: int = NO_LIMIT  # examples for which memory was enough
    others: dict[Example, tuple[Encoded, EncodingCounts]] = field(default_factory=dict)  # what methods add to batches
    passes: PassCounter = field(default_factory=PassCounter)
    own: frozenset[Example] | None = None  # of the stream, to tell what a method brings besides

    def prepare(self) -> None:
        """Wrap the model for several devices, and make the optimizer."""
        self.passes.watch(self.run.model)
        self.forward_model = self.accelerator.prepare_model(self.run.model)
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
        self.tokens = self._room(encoded)
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
        self.tokens = self._room(encoded)
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
        num_answer = sum(one.num_answer for one in examples)
        loss = self._accumulate(examples, num_answer=num_answer)
        value = divergence.finite_loss(loss.item(), step=run.step + 1)
        self.method.after_backward(run)
        norm = self._clip(loss=value)
        optimizer.step()
        run.step += 1
        self.method.after_step(run)
        optimizer.zero_grad(set_to_none=True)
        self._count(examples, num_answer)
        self.on_step(StepDone(run.step, done, value, rate, sum(len(one.ids) for one in examples), norm))

    def _pass_over(self, *, rate: float, done: int) -> None:
        """A step that a method gave nothing to train on: no weight and no moment changes."""
        task = self.run.experience.task if self.run.experience else "training"
        self.run.warn(f"{task}: steps without anything to train on")
        self.run.step += 1
        self.on_step(StepDone(self.run.step, done, 0.0, rate, 0, 0.0))

    def _clip(self, *, loss: float) -> float:
        """To the protocol's norm, in two steps, as clipping by a norm that is no number would spoil every gradient.

        Returns:
            The norm before.
        """
        model, most = self.run.model, self.protocol.max_grad_norm
        norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        value = norm.item()
        divergence.check_norm(value, model, loss=loss, step=self.run.step + 1)
        torch.nn.utils.clip_grads_with_norm_(model.parameters(), most, norm)
        return value

    def _accumulate(self, examples: Sequence[Encoded], *, num_answer: int) -> torch.Tensor:
        """The step's gradients, and its loss; where memory is not enough, with smaller micro-batches from here on."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index

        def attempt(size: int) -> torch.Tensor:
            self.fits = size
            self.forward_model.zero_grad(set_to_none=True)
            cut = {"size": size, "alike": not self.padding.training, "tokens": self.tokens}
            shares = micro_batches(examples, rank=rank, world=world, **cut)
            loss = torch.zeros((), device=self.run.device)
            for number, share in enumerate(shares):
                with self._no_sync(unless=number == len(shares) - 1):
                    one = share or [examples[0]]
                    loss += self._backward(one, scale=world / num_answer, empty=not share, step=examples)
            return loss

        size = min(self.runtime.micro_batch, self.fits)
        if world == 1:
            return memory.shrinking(size, attempt, warn=self.run.warn)
        return cast("torch.Tensor", self.accelerator.reduce(attempt(size), reduction="mean"))

    def _room(self, encoded: Sequence[Encoded]) -> int:
        """Tokens that a micro-batch may have."""
        width = max((len(one.ids) for one in encoded), default=1)
        recomputed = self.runtime.gradient_checkpointing
        return memory.room(self.run.model, self.run.device, width=width, recomputed=recomputed)

    def _backward(
        self, share: Sequence[Encoded], *, scale: float, empty: bool, step: Sequence[Encoded]
    ) -> torch.Tensor:
        """Add one micro-batch's gradient; returns its part of the step's loss."""
        batch = collate(share, pad=self.encoder.pad, device=self.run.device)
        self.run.rows, self.run.row_tasks = tuple(share), tuple(one.task for one in share)
        part = len(share) / len(step) * self.accelerator.num_processes  # of a mean over the step's rows
        with autocast(self.protocol, self.run.device):
            output = forward(self.forward_model, batch)
            own = self.method.own_loss(self.run, batch, output)
            loss = output.loss(batch["targets"], weights=_weights(share, batch)) * scale if own is None else own * part
            extra = None if empty else self.method.extra_loss(self.run, batch, output)
        if extra is not None:
            loss = loss + extra * part
        loss = loss * 0.0 if empty else loss
        loss.backward()
        self.run.rows = ()
        return loss.detach()

    def _no_sync(self, *, unless: bool) -> contextlib.AbstractContextManager[Any]:
        """Devices exchange gradients once a step, after the last micro-batch."""
        return contextlib.nullcontext() if unless else self.accelerator.no_sync(self.forward_model)

    def _count(self, examples: Sequence[Encoded], num_answer: int) -> None:
        self.counts.steps += 1
        self.counts.examples += len(examples)
        self.counts.answer_tokens += num_answer
        self.counts.tokens += sum(len(one.ids) for one in examples)


def _told(counts: EncodingCounts, label: str) -> dict[str, int]:
    """Warnings of the record, with their counts."""
    found = {what: getattr(counts, name) for name, what in COUNTED.items()}
    return {f"{label}: training examples {what}": number for what, number in found.items() if number}


def _weights(rows: Sequence[Encoded], batch: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """Of each answer token, where a row has another than 1."""
    if all(one.weight == 1.0 for one in rows):
        return None
    weights = batch["weights"]
    return weights.repeat_interleave(torch.tensor([one.num_answer for one in rows], device=weights.device))
