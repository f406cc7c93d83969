"""The gradient of one step, by as many passes as memory and speed ask for.

The loss is the mean over all answer tokens of the global batch, whatever the number of passes and devices: each pass
adds its token sum over the whole step's token count, so accumulation changes nothing but rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch

from clbench.data.batches import NO_LIMIT
from clbench.data.tokenising import Encoded
from clbench.models import memory
from clbench.models.compiling import Compiled
from clbench.training.batching import Batching, Form
from clbench.training.losses import autocast, forward

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.methods.method import Method, Run


@dataclass(slots=True)
class Accumulator:
    """Makes gradients.

    Args:
        accelerator: device and other processes.
        method: with terms of the loss of its own.
        run: with the model, in which the gradients are left.
        batching: the form of passes.
        forward_model: the model, perhaps wrapped for several devices.
        room: tokens that memory has room for.
        fits: examples for which it was enough.

    Attributes:
        compiled: the model's blocks, where they are.
    """

    accelerator: Accelerator
    method: Method
    run: Run
    batching: Batching
    forward_model: Any
    room: int = NO_LIMIT
    fits: int = NO_LIMIT
    compiled: Compiled | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.batching.runtime.compile:
            self.compiled = Compiled(self.run.model)

    def make_room(self, encoded: Sequence[Encoded]) -> None:
        """Plan for texts as long as these."""
        width = max((len(one.ids) for one in encoded), default=1)
        recomputed, half = self.batching.runtime.gradient_checkpointing, self.batching.protocol.precision == "bf16"
        self.room = memory.room(self.run.model, self.run.device, width=width, recomputed=recomputed, half=half)

    def gradient(self, step: Sequence[Encoded]) -> torch.Tensor:
        """Leave a step's gradient in the model; where memory is not enough, by smaller passes from here on.

        Returns:
            The step's loss, on the device.
        """
        form = self.batching.form(step, room=self.room)
        if self.accelerator.num_processes > 1:
            return cast("torch.Tensor", self.accelerator.reduce(self._passes(step, form), reduction="mean"))

        def attempt(rows: int) -> torch.Tensor:
            if rows < most:
                self.fits = rows
            return self._passes(step, form, rows=rows)

        most = min(self.fits, form.largest(step))
        return memory.shrinking(most, attempt, warn=self.run.warn)

    def _passes(self, step: Sequence[Encoded], form: Form, *, rows: int = NO_LIMIT) -> torch.Tensor:
        """This device's, all of them, from no gradient on."""
        self.forward_model.zero_grad(set_to_none=True)
        world, num_answer = self.accelerator.num_processes, sum(one.num_answer for one in step)
        shares = form.cut(step, rows=rows, rank=self.accelerator.process_index, world=world)
        loss = torch.zeros((), device=self.run.device)
        for number, share in enumerate(shares):
            with self._no_sync(unless=number == len(shares) - 1), self._compiled():
                one = share or [step[0]]
                loss += self._backward(one, form, scale=world / num_answer, empty=not share, step=len(step))
        return loss

    def _backward(self, share: Sequence[Encoded], form: Form, *, scale: float, empty: bool, step: int) -> torch.Tensor:
        """Add one pass's gradient; returns its part of the step's loss."""
        batch = self.batching.collate(share, form)
        self.run.rows, self.run.row_tasks = tuple(share), tuple(one.task for one in share)
        part = len(share) / step * self.accelerator.num_processes  # of a mean over the step's rows
        with autocast(self.batching.protocol, self.run.device):
            output = forward(self.forward_model, batch)
            own = self.method.own_loss(self.run, batch, output)
            loss = output.loss(batch["targets"], weights=self._weights(share)) * scale if own is None else own * part
            extra = None if empty else self.method.extra_loss(self.run, batch, output)
        if extra is not None:
            loss = loss + extra * part
        loss = loss * 0.0 if empty else loss
        loss.backward()
        self.run.rows = ()
        return loss.detach()

    def _compiled(self) -> contextlib.AbstractContextManager[Any]:
        return self.compiled.passing() if self.compiled else contextlib.nullcontext()

    def _no_sync(self, *, unless: bool) -> contextlib.AbstractContextManager[Any]:
        """Devices exchange gradients once a step, after the last pass."""
        return contextlib.nullcontext() if unless else self.accelerator.no_sync(self.forward_model)

    def _weights(self, rows: Sequence[Encoded]) -> torch.Tensor | None:
        """Of each answer token, where a row has another than 1; made here, where that waits for no device."""
        if all(one.weight == 1.0 for one in rows):
            return None
        counts = torch.tensor([one.num_answer for one in rows])
        weights = torch.tensor([one.weight for one in rows]).repeat_interleave(counts)
        return weights.to(self.run.device, non_blocking=True)
