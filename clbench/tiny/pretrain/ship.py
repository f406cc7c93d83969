"""From a trained run to the folder that is shipped: weights, configuration, thinned log, model card."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from transformers import AutoTokenizer

from clbench.tiny.pretrain.card import Facts, card
from clbench.tiny.pretrain.loop import Trainer
from clbench.tiny.pretrain.quiz import take_quiz

if TYPE_CHECKING:
    from pathlib import Path

    from clbench.tiny.pretrain.plan import Plan

LOG_LINES = 60
"""About how many lines of the loss curve are shipped."""


def train_and_ship(
    plan: Plan, *, work: Path, out: Path, until: int | None = None, save_every: int = 250, quiz_every: int = 500
) -> None:
    """Train (or go on training) and, once the plan's last step is done, write the model into `out`."""
    tokenizer = AutoTokenizer.from_pretrained(str(out))
    trainer = Trainer(plan=plan, tokenizer=tokenizer, work=work)
    trainer.run(until=until, save_every=save_every, quiz_every=quiz_every)
    if trainer.state.step >= plan.steps:
        ship(trainer, out=out)


def ship(trainer: Trainer, *, out: Path) -> None:
    """Ask everything once more, then write weights, configuration, log and card."""
    knows = take_quiz(trainer.model, tokenizer=trainer.tokenizer, facts=None, skills=1000, texts=200)
    model = trainer.model
    torch.nn.Module.to(model, "cpu")
    model.save_pretrained(str(out))
    (out / "pretraining.jsonl").write_text(thinned(trainer.log.read_text()))
    facts = Facts(
        plan=trainer.plan,
        state=trainer.state,
        knows=knows,
        parameters=sum(one.numel() for one in model.parameters()),
        weights_hash=file_hash(out / "model.safetensors"),
        tokenizer_hash=file_hash(out / "tokenizer.json"),
        device=trainer.device.type,
    )
    (out / "MODEL_CARD.md").write_text(card(facts))


def thinned(log: str) -> str:
    """Some lines of the loss curve, evenly spread, the last one among them, and every look at what the model knows."""
    lines = [json.loads(line) for line in log.splitlines()]
    curve = [line for line in lines if "loss" in line]
    every = max(1, len(curve) // LOG_LINES)
    kept = [line for number, line in enumerate(reversed(curve)) if number % every == 0]
    looks = [line for line in lines if "facts" in line]
    return "".join(json.dumps(line) + "\n" for line in sorted([*kept, *looks], key=lambda line: line["step"]))


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
