"""Evaluation: prompts in, greedy answers out; predictions are saved first and scored from what was saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from clbench.data.batches import collate, left_pad
from clbench.losses import autocast, forward, token_sum
from clbench.predictions import Prediction

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.data.example import Example
    from clbench.data.tokenising import Encoder
    from clbench.protocol import Protocol, Runtime


class Answer(NamedTuple):
    """What was generated for one prompt.

    Args:
        text: without special tokens.
        truncated: whether it ran into the limit.
        tokens: how many were generated.
    """

    text: str
    truncated: bool
    tokens: int


Answers = dict[int, Answer]
"""By index of the example."""


@dataclass(slots=True)
class Evaluator:
    """Greedy generation under a protocol.

    Args:
        accelerator: device and other processes; each generates its share.
        encoder: text to tokens.
        protocol: lengths and precision.
        runtime: batch size.
        tokens: tokens generated so far, on all devices.
    """

    accelerator: Accelerator
    encoder: Encoder
    protocol: Protocol
    runtime: Runtime
    tokens: int = 0

    def predict(
        self,
        model: Any,
        examples: Sequence[Example],
        *,
        max_new_tokens: int,
        on_batch: Callable[[Answers], None] = lambda answers: None,
        known: Answers | None = None,
    ) -> list[Prediction]:
        """Answers to all prompts, in the order of the examples.

        Args:
            model: causal LM.
            examples: what is asked; their answers are only carried along.
            max_new_tokens: of the task; the protocol's `max_answer_tokens` caps it.
            on_batch: given each batch's answers.
            known: answers from before an interruption; batches that are whole among them are not asked again.
        """
        prompts = self.encoder.prompts([one.prompt for one in examples])
        limit = min(max_new_tokens, self.protocol.max_answer_tokens)
        found: Answers = {}
        model.eval()
        for indices in self._batches(prompts):
            answers = {index: known[index] for index in indices if known and index in known}
            if len(answers) < len(indices):
                generated = self._generate(model, [prompts[index] for index in indices], limit=limit)
                answers = dict(zip(indices, generated, strict=True))
            found.update(answers)
            on_batch(answers)
        found = self._gather(found)
        self.tokens += sum(one.tokens for one in found.values())
        return [
            Prediction(prompt=one.prompt, prediction=found[i].text, answer=one.answer, truncated=found[i].truncated)
            for i, one in enumerate(examples)
        ]

    def mean_loss(self, model: Any, examples: Sequence[Example]) -> float:
        """Mean loss (nats a token) of the given answers and their end-of-text tokens."""
        encoded, _ = self.encoder.examples(examples)
        encoded.sort(key=lambda one: len(one.ids))
        size, device = self.runtime.micro_batch, self.accelerator.device
        total = 0.0
        model.eval()
        for start in range(0, len(encoded), size):
            batch = collate(encoded[start : start + size], pad=self.encoder.pad, device=device)
            with torch.inference_mode(), autocast(self.protocol, device):
                total += token_sum(forward(model, batch).logits, batch["labels"]).item()
        return total / sum(one.num_answer for one in encoded)

    def _batches(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """This device's batches of prompts of like lengths, the longest first: out of memory shows at once."""
        order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
        size = self.runtime.eval_batch
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        return batches[self.accelerator.process_index :: self.accelerator.num_processes]

    def _generate(self, model: Any, prompts: Sequence[Sequence[int]], *, limit: int) -> list[Answer]:
        batch = left_pad(prompts, pad=self.encoder.pad, device=self.accelerator.device)
        with torch.inference_mode(), autocast(self.protocol, self.accelerator.device):
            output = model.generate(**batch, max_new_tokens=limit)
        ends = set(model.generation_config.eos_token_id)
        return [self._decode(row, ends=ends) for row in output[:, batch["input_ids"].shape[1] :].tolist()]

    def _decode(self, ids: list[int], *, ends: set[int]) -> Answer:
        stop = next((i for i, token in enumerate(ids) if token in ends), None)
        kept = ids if stop is None else ids[:stop]
        text = self.encoder.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answer(text, stop is None, len(kept) + (stop is not None))

    def _gather(self, found: Answers) -> Answers:
        if self.accelerator.num_processes == 1:
            return found
        from accelerate.utils import gather_object

        return dict(gather_object(list(found.items())))
