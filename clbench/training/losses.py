"""The loss that is trained, as functions: forward pass, sum over answer tokens, mean, gradients.

Everything that needs it takes it from here: the inner loop, the evaluator, and methods through `Run`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)

from clbench.data.batches import IGNORE, collate
from clbench.data.example import Example
from clbench.data.tokenising import Encoded, Encoder
from clbench.models.loading import keeps_logits

if TYPE_CHECKING:
    from clbench.spec.protocol import Protocol


def autocast(protocol: Protocol, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """bf16 arithmetic over fp32 master weights, or nothing."""
    if protocol.precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def forward(model: Any, batch: Mapping[str, torch.Tensor]) -> Any:
    """The model's output, with logits of shape (examples, kept, vocabulary) for the positions that `labels` covers."""
    kept = batch["labels"].shape[1]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    inner = getattr(model, "module", model)  # the model inside a DDP wrapper
    if keeps_logits(inner):
        return model(**inputs, use_cache=False, logits_to_keep=kept)
    output = model(**inputs, use_cache=False)
    output.logits = output.logits[:, -kept:]
    return output


def token_sum(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum of the answer tokens' negative log-likelihoods, in nats.

    Args:
        logits: (examples, kept, vocabulary).
        labels: (examples, kept), -100 where there is no loss.
    """
    flat = logits[:, :-1].float().flatten(0, 1)
    return F.cross_entropy(flat, labels[:, 1:].flatten(), ignore_index=IGNORE, reduction="sum")


class Losses:
    """Loss and gradients of any examples under the present model, without dropout: for memories and Fisher values.

    They draw no random numbers and leave gradients and training mode as they were, so that using them changes
    nothing else in the run. Tokens are kept until the experience ends, as memories are asked for at every step.

    Args:
        model: causal LM.
        encoder: text to tokens.
        protocol: precision.
        device: of the model.
        micro_batch: examples a pass.
    """

    def __init__(self, model: Any, *, encoder: Encoder, protocol: Protocol, device: Any, micro_batch: int) -> None:
        self.model, self.encoder, self.protocol, self.device = model, encoder, protocol, device
        self.micro_batch = micro_batch
        self._known: dict[Example, Encoded] = {}

    def forget(self) -> None:
        """Drop the tokens: what a method keeps of the past belongs into its own memory, and nowhere else."""
        self._known.clear()

    def loss(self, examples: Sequence[Example]) -> torch.Tensor:
        """Mean over all answer tokens, in one pass, with its graph."""
        encoded = self._encode(examples)
        with evaluating(self.model):
            return self._sum(encoded) / sum(one.num_answer for one in encoded)

    def gradients(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Gradient of the mean over all answer tokens, by name of trainable parameter (zeros where it has none)."""
        encoded = sorted(self._encode(examples), key=lambda one: len(one.ids))
        total = sum(one.num_answer for one in encoded)
        params = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        kept = {name: p.grad for name, p in params.items()}
        for p in params.values():
            p.grad = None
        try:
            with evaluating(self.model):
                for start in range(0, len(encoded), self.micro_batch):
                    (self._sum(encoded[start : start + self.micro_batch]) / total).backward()
            return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in params.items()}
        finally:
            for name, p in params.items():
                p.grad = kept[name]

    def _encode(self, examples: Sequence[Example]) -> list[Encoded]:
        new = [one for one in dict.fromkeys(examples) if one not in self._known]
        self._known.update(zip(new, self.encoder.examples(new)[0], strict=True))
        return [self._known[one] for one in examples]

    def _sum(self, encoded: Sequence[Encoded]) -> torch.Tensor:
        batch = collate(encoded, pad=self.encoder.pad, device=self.device)
        with autocast(self.protocol, self.device):
            return token_sum(forward(self.model, batch).logits, batch["labels"])


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Without dropout; the mode is what it was afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
