"""Training tokens a second, beside a bare torch loop and the `Trainer` of transformers on the same records."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from clbench.data.batches import collate, micro_batches
from clbench.models.device import training_flops
from clbench.speed import timing
from clbench.speed.figure import Figure
from clbench.speed.steps import tell
from clbench.speed.subject import Subject
from clbench.training.batching import ROWS
from clbench.training.losses import autocast

if TYPE_CHECKING:
    from clbench.data.tokenising import Encoded


def tokens_a_second(subject: Subject, *, records: int, most: float, budget: float) -> Figure:
    """Of plain fine-tuning.

    Args:
        subject: plain fine-tuning.
        records: of a step.
        most: floating-point operations a second of a matrix product.
        budget: seconds to spend, about.
    """
    steps = subject.steps(records)
    works = {
        "clbench": lambda: subject.train(steps),
        "bare torch": _bare(subject, steps),
        "Trainer": _transformers(subject, steps),
    }
    times = timing.in_turn(works, device=subject.stage.run.device, budget=budget)
    tokens = sum(len(one.ids) for batch in steps for one in batch)
    value = tokens / timing.median(times["clbench"])
    beside = {name: 1 / timing.ratio(times["clbench"], times[name]) for name in ("bare torch", "Trainer")}
    beside["peak"] = training_flops(subject.model, 1) * value / most
    return Figure("training", subject.shape.name, "plain fine-tuning", value, "tokens/s", beside, tell(steps))


def _bare(subject: Subject, steps: Sequence[Sequence[Encoded]]) -> Callable[[], None]:
    """The same steps without a harness: batches ready, loss over the answers, clipping, AdamW."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    run, pad, size = subject.stage.run, subject.evaluator.encoder.pad, subject.config.runtime.micro_batch or ROWS
    model: Any = run.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.protocol.learning_rate)
    ready = [
        (sum(one.num_answer for one in batch), [collate(share, pad=pad, device=run.device) for share in shares])
        for batch, shares in ((batch, micro_batches(batch, size=size)) for batch in steps)
    ]

    def train() -> None:
        for answers, shares in ready:
            for one in shares:
                with autocast(run.protocol, run.device):
                    hidden = model.get_decoder()(input_ids=one["input_ids"], use_cache=False).last_hidden_state
                    logits = model.get_output_embeddings()(hidden.flatten(0, 1)[one["places"]])
                    loss = F.cross_entropy(logits.float(), one["targets"], reduction="sum") / answers
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return train


def _transformers(subject: Subject, steps: Sequence[Sequence[Encoded]]) -> Callable[[], None]:
    """The same steps by transformers' own loop, in the records' order; what it sets up before them is not counted."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    run, pad = subject.stage.run, subject.evaluator.encoder.pad
    size = min(len(steps[0]), subject.config.runtime.micro_batch or ROWS)
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(prefix="clbench-bench-"),
        per_device_train_batch_size=size,
        gradient_accumulation_steps=-(-len(steps[0]) // size),
        max_steps=len(steps),
        bf16=run.protocol.precision == "bf16" and run.device.type == "cuda",
        use_cpu=run.device.type == "cpu",
        remove_unused_columns=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
    )

    def collator(rows: Sequence[Encoded]) -> dict[str, Any]:
        made = collate(rows, pad=pad)
        return {name: made[name] for name in ("input_ids", "attention_mask", "labels")}

    class InOrder(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return None

    records: Any = [one for batch in steps for one in batch]
    trainer = InOrder(run.model, arguments, train_dataset=records, data_collator=collator)
    trainer.remove_callback(PrinterCallback)  # what it has to say is not our output's
    return lambda: (trainer.train(), None)[1]
