"""The training loop: step, log, look, save; continues where the working folder stands."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from clbench.base.errors import RunError
from clbench.tiny.pretrain.network import build_model, build_optimizers, forward_of, loss_of
from clbench.tiny.pretrain.packing import Batch, next_batch
from clbench.tiny.pretrain.quiz import take_quiz
from clbench.tiny.pretrain.states import State, load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from clbench.tiny.pretrain.plan import Plan

LOG_EVERY = 50
"""Steps between two lines of the log."""


@dataclass(slots=True)
class Trainer:
    """One run: the model, its optimizer and where it stands.

    Args:
        plan: All settings.
        tokenizer: The one of the model to be.
        work: Folder of the states and the log.
    """

    plan: Plan
    tokenizer: PreTrainedTokenizerFast
    work: Path
    device: torch.device = field(init=False)
    model: LlamaForCausalLM = field(init=False)
    optimizers: tuple[torch.optim.Optimizer, ...] = field(init=False)
    forward: Callable[..., Tensor] = field(init=False)
    state: State = field(init=False)

    def __post_init__(self) -> None:
        torch.set_num_threads(self.plan.threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = build_model(self.plan, tokenizer=self.tokenizer)
        torch.nn.Module.to(self.model, self.device)
        self.optimizers = build_optimizers(self.model, plan=self.plan)
        self.state = load_state(self.work, plan=self.plan, model=self.model, optimizers=self.optimizers)
        self.forward = forward_of(self.model, plan=self.plan)
        self._trim_log()

    @property
    def log(self) -> Path:
        """The log: one JSON object a line."""
        return self.work / "pretraining.jsonl"

    def _trim_log(self) -> None:
        """Forget lines of steps that were done after the state was saved; they will be done again."""
        if self.log.exists():
            lines = self.log.read_text().splitlines(keepends=True)
            self.log.write_text("".join(line for line in lines if json.loads(line)["step"] <= self.state.step))

    def write(self, **values: float | str) -> None:
        """Add a line to the log."""
        self.work.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as lines:
            lines.write(json.dumps(values) + "\n")

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        started = time.monotonic()
        batch, position = next_batch(self.state.position, tokenizer=self.tokenizer, plan=self.plan)
        share = self.plan.share(self.state.step)
        loss = loss_of(self.forward, on_device(batch, self.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise RunError(f"the loss of step {self.state.step} is not finite; lower --learning-rate and --matrix-rate")
        self.state = State(
            step=self.state.step + 1,
            position=position,
            data_hash=chained(self.state.data_hash, batch),
            seconds=self.state.seconds + time.monotonic() - started,
            tokens=self.state.tokens + int((batch.owners > 0).sum()),
        )
        return value

    def run(self, *, until: int | None = None, save_every: int = 250, quiz_every: int = 500) -> None:
        """Train up to a step (the plan's last by default), saving and asking questions on the way."""
        last = min(self.plan.steps, until or self.plan.steps)
        while self.state.step < last:
            loss = self.step()
            done = self.state.step
            if done % LOG_EVERY == 0 or done == last:
                speed = self.state.tokens / self.state.seconds
                self.write(
                    step=done,
                    loss=round(loss, 5),
                    share=round(self.plan.share(done - 1), 5),
                    tokens=self.state.tokens,
                    tokens_per_second=round(speed),
                )
            if done % quiz_every == 0 and done < last:
                self.write(
                    step=done, **take_quiz(self.model, tokenizer=self.tokenizer, facts=160, skills=160, texts=40)
                )
            if done % save_every == 0 or done == last:
                save_state(self.work, state=self.state, plan=self.plan, model=self.model, optimizers=self.optimizers)


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the model is."""
    return Batch(*(getattr(batch, name).to(device) for name in Batch.__slots__))


def chained(before: str, batch: Batch) -> str:
    """The data hash after this batch; a chain, because a running sha256 cannot be put into a checkpoint."""
    digest = hashlib.sha256(before.encode())
    digest.update(batch.ids.to(torch.int32).numpy().tobytes())
    return digest.hexdigest()
