"""The loss that is trained, as functions: forward pass, sum over answer tokens, mean, gradients.

Everything that needs it takes it from here: the inner loop, the evaluator, and methods through `Run`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from clbench.data.batches import NO_LIMIT, prompts_of
from clbench.data.example import Example
from clbench.data.tokenising import Encoded, Encoder
from clbench.methods.asked import asked
from clbench.models import memory
from clbench.models.bearing import packed
from clbench.training import head
from clbench.training.batching import Batching, Form
from clbench.training.head import Output

if TYPE_CHECKING:
    from clbench.spec.protocol import Protocol


def autocast(protocol: Protocol, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """bf16 arithmetic over fp32 master weights, or nothing."""
    if protocol.precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def forward(
    model: Any,
    batch: Mapping[str, torch.Tensor],
    *,
    call: Callable[..., Any] | None = None,
    prompts: Sequence[Sequence[int]] | None = None,
) -> Output:
    """The model on a batch of `collate`: without a mask, as padding stands behind all that a causal model reads.

    A packed batch passes through as one row, whoever the model is; what comes out is the same.

    Args:
        model: causal LM, perhaps wrapped.
        batch: of `clbench.data.batches.collate`.
        call: instead of the model itself: the same model at other weights.
        prompts: what each row is asked, where that is not all that stands before the answer.

    Returns:
        With `logits` of shape (answer tokens, vocabulary), which predict `batch["targets"]`.
    """
    rows, width = batch["input_ids"].shape
    with asked(partial(prompts_of, batch) if prompts is None else lambda: prompts):
        if "packed_ids" not in batch:
            return head.run(model, {"input_ids": batch["input_ids"], "use_cache": False}, batch["places"], call=call)
        inputs = {**packed.arguments(batch, longest=width), "use_cache": False}
        with packed.holding(head.bare(model), rows):
            return head.run(model, inputs, batch["packed_places"], call=call)


class Losses:
    """Loss and gradients of any examples under the present model, without dropout: for memories and Fisher values.

    They draw no random numbers and leave gradients and training mode as they were, so that using them changes
    nothing else in the run. Tokens are kept until the experience ends, as memories are asked for at every step.

    Args:
        model: causal LM.
        encoder: text to tokens.
        protocol: precision.
        device: of the model.
        batching: the form of passes.
        warn: told when memory was not enough.
    """

    def __init__(
        self,
        model: Any,
        *,
        encoder: Encoder,
        protocol: Protocol,
        device: Any,
        batching: Batching,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.model, self.encoder, self.protocol, self.device = model, encoder, protocol, device
        self.batching, self.warn = batching, warn
        self._known: dict[Example, Encoded] = {}

    def forget(self) -> None:
        """Drop the tokens: what a method keeps of the past belongs into its own memory, and nowhere else."""
        self._known.clear()

    def loss(self, examples: Sequence[Example]) -> torch.Tensor:
        """Mean over all answer tokens, with its graph; in one pass, unless padding would change the result."""
        encoded = self._encode(examples)
        form = replace(self.batching.form(encoded), rows=NO_LIMIT, tokens=NO_LIMIT)
        with evaluating(self.model):
            parts = [self._sum(some, form) for some in form.cut(encoded)]
            return torch.stack(parts).sum() / sum(one.num_answer for one in encoded)

    def gradients(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Gradient of the mean over all answer tokens, by name of trainable parameter (zeros where it has none)."""
        encoded = self._encode(examples)
        params = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        kept = {name: p.grad for name, p in params.items()}
        try:
            form = self._form(encoded)
            with evaluating(self.model):
                attempt = partial(self._backward, encoded, params.values(), form)
                memory.shrinking(form.largest(encoded), attempt, warn=self.warn)
            return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in params.items()}
        finally:
            for name, p in params.items():
                p.grad = kept[name]

    def logprobs(self, rows: Sequence[Encoded]) -> list[torch.Tensor]:
        """Log-likelihood (nats) of each answer token, a tensor a row; with its graph where gradients are wanted."""
        form, found = self._form(rows), dict[int, torch.Tensor]()
        with evaluating(self.model):
            for some in form.cut(rows):
                batch = self.batching.collate(some, form)
                with autocast(self.protocol, self.device):
                    each = forward(self.model, batch).likelihoods(batch["targets"])
                found.update(zip(map(id, some), each.split([one.num_answer for one in some]), strict=True))
        return [found[id(one)] for one in rows]

    def _form(self, rows: Sequence[Encoded]) -> Form:
        width = max((len(one.ids) for one in rows), default=1)
        half = self.protocol.precision == "bf16"
        return self.batching.form(rows, room=memory.room(self.model, self.device, width=width, half=half))

    def _backward(
        self, encoded: Sequence[Encoded], params: Iterable[torch.nn.Parameter], form: Form, rows: int
    ) -> None:
        """All gradients anew, in passes over `rows` examples at most."""
        for p in params:
            p.grad = None
        total = sum(one.num_answer for one in encoded)
        for some in form.cut(encoded, rows=rows):
            (self._sum(some, form) / total).backward()

    def _encode(self, examples: Sequence[Example]) -> list[Encoded]:
        new = [one for one in dict.fromkeys(examples) if one not in self._known]
        self._known.update(zip(new, self.encoder.examples(new)[0], strict=True))
        return [self._known[one] for one in examples]

    def _sum(self, encoded: Sequence[Encoded], form: Form) -> torch.Tensor:
        batch = self.batching.collate(encoded, form)
        with autocast(self.protocol, self.device):
            return forward(self.model, batch).loss(batch["targets"])


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Without dropout; the mode is what it was afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
