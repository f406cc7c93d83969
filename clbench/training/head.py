"""A model's head, computed where a token is scored and nowhere else, some hundred positions at a time.

Logits are the largest tensor of a model with a large vocabulary: (examples, tokens, vocabulary) in fp32, with copies
for the loss and its gradient. Only answers carry loss, so the hidden states that reach the head (the module that
transformers calls the output embeddings) are gathered before it. Where the head can be called apart from the model,
the loss goes through it in chunks that are computed again in the backward pass (the idea of cut cross-entropy, arXiv
2411.09009, in plain torch); whether it can is found out at a model's first forward pass, by its own logits.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch.utils.checkpoint import checkpoint

CHUNK = 2**26
"""Bytes of fp32 logits that are held at once."""
CLOSE = 1e-2  # of the logits' size; what a model does behind its head (a cap, a factor) changes them by far more

_APART: weakref.WeakKeyDictionary[torch.nn.Module, bool] = weakref.WeakKeyDictionary()


@dataclass(slots=True)
class Output:
    """What a forward pass gives for some positions.

    Args:
        hidden: before the head (positions, width), or already logits where `head` is None.
        head: hidden states to logits.
    """

    hidden: torch.Tensor
    head: Head | None = None

    @property
    def logits(self) -> torch.Tensor:
        """All at once: (positions, vocabulary)."""
        return self.hidden if self.head is None else self.head(self.hidden)

    def loss(self, targets: torch.Tensor, *, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Sum of the targets' negative log-likelihoods, in nats; each chunk's logits are made anew for its gradient.

        Args:
            targets: (positions).
            weights: of each in the sum; None: 1.
        """
        parts = self._chunks(targets)
        if weights is not None:
            shares = weights.split([len(part[1]) for part in parts])
            parts = [(*part, share) for part, share in zip(parts, shares, strict=True)]
        if len(parts) == 1 or not torch.is_grad_enabled():
            return torch.stack([self._loss(*part) for part in parts]).sum()
        return torch.stack([checkpoint(self._loss, *part, use_reentrant=False) for part in parts]).sum()  # type: ignore

    def likelihoods(self, targets: torch.Tensor) -> torch.Tensor:
        """Log-likelihood (nats) of each target: (positions)."""
        return torch.cat([_picked(self._of(hidden), some) for hidden, some in self._chunks(targets)])

    def _chunks(self, targets: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        """Hidden states with their targets, as many as `CHUNK` allows; all of them where logits are there anyway."""
        if self.head is None:
            return [(self.hidden, targets)]
        size = max(1, CHUNK // (4 * self.head.vocabulary))
        return list(zip(self.hidden.split(size), targets.split(size), strict=True))

    def _loss(self, hidden: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        if weights is None:
            return F.cross_entropy(self._of(hidden), targets, reduction="sum")
        return (F.cross_entropy(self._of(hidden), targets, reduction="none") * weights).sum()

    def _of(self, hidden: torch.Tensor) -> torch.Tensor:
        return (hidden if self.head is None else self.head(hidden)).float()


@dataclass(frozen=True, slots=True)
class Head:
    """A model's head with what the model does behind it.

    Args:
        module: that makes logits of hidden states.
        config: of the model.
    """

    module: torch.nn.Module
    config: Any

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """(positions, width) to (positions, vocabulary)."""
        return _behind(self.module(hidden[None])[0], self.config.get_text_config())

    @property
    def vocabulary(self) -> int:
        """Logits a position; a head that does not say counts as that of a large model."""
        weight = getattr(self.module, "weight", None)
        return 2**17 if weight is None else int(weight.shape[0])


def run(model: Any, inputs: dict[str, Any], places: torch.Tensor, *, call: Callable[..., Any] | None = None) -> Output:
    """A forward pass, for some of its positions.

    Args:
        model: causal LM, perhaps wrapped.
        inputs: of its forward pass, `input_ids` (rows, tokens) among them.
        places: of the positions, counted over all rows: (positions).
        call: instead of the model, such as the model at other weights; the head is then part of the call.
    """
    inner = bare(model)
    module = _module(inner)
    if module is None:
        return Output(_gathered((call or model)(**inputs).logits, places, inputs["input_ids"].shape[1]))
    if call is None and _APART.get(inner, True) and _reachable(model, inner, module):
        return _apart(model, Head(module, inner.config), inputs, places)
    with _cut(module, places, width=inputs["input_ids"].shape[1]) as caught:
        logits = (call or model)(**inputs).logits
    return Output(logits[0] if caught else _gathered(logits, places, inputs["input_ids"].shape[1]))


def bare(model: Any) -> Any:
    """The model inside what wraps it: several devices, an adapter."""
    inner = getattr(model, "module", model)
    return getattr(inner, "get_base_model", lambda: inner)()


def _apart(model: Any, head: Head, inputs: dict[str, Any], places: torch.Tensor) -> Output:
    """The model makes the logits of one position; at the first pass these say whether the head gives the same."""
    inner = bare(model)
    with _cut(head.module, places, width=inputs["input_ids"].shape[1], first=True) as caught:
        told = model(**inputs).logits
    if not caught:
        _APART[inner] = False
        return Output(_gathered(told, places, inputs["input_ids"].shape[1]))
    if inner not in _APART:
        with torch.no_grad():
            _APART[inner] = _agree(head(caught[0][:1]), told[0])
        if not _APART[inner]:
            return run(model, inputs, places)
    return Output(caught[0], head)


def _agree(found: torch.Tensor, told: torch.Tensor) -> bool:
    if found.shape != told.shape:
        return False
    apart = (found.float() - told.float()).abs().max()
    return not bool(apart > CLOSE * told.float().abs().max())  # what is no number is the loss's to tell


@contextlib.contextmanager
def _cut(
    module: torch.nn.Module, places: torch.Tensor, *, width: int, first: bool = False
) -> Iterator[list[torch.Tensor]]:
    """Within, the head is given the hidden states of some positions only (of the first alone, with `first`)."""
    caught: list[torch.Tensor] = []

    def cut(_: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not args or args[0].dim() != 3:
            return None
        caught.append(_gathered(args[0], places, width))
        return ((caught[0][:1] if first else caught[0])[None], *args[1:])

    handle = module.register_forward_pre_hook(cut)
    try:
        yield caught
    finally:
        handle.remove()


def _gathered(values: torch.Tensor, places: torch.Tensor, width: int) -> torch.Tensor:
    """(rows, tokens, …) to (positions, …); an adapter's virtual tokens stand before the row's own."""
    return values[:, values.shape[1] - width :].flatten(0, 1).index_select(0, places)


def _module(inner: Any) -> torch.nn.Module | None:
    found = getattr(inner, "get_output_embeddings", lambda: None)()
    return found if isinstance(found, torch.nn.Module) else None


def _reachable(model: Any, inner: Any, module: torch.nn.Module) -> bool:
    """Whether this process has the head's weights outside a forward pass; where parameters are sharded, it has not."""
    wrapped = hasattr(model, "module") and not isinstance(model, torch.nn.parallel.DistributedDataParallel)
    return not wrapped and not any(hasattr(p, "device_mesh") for p in module.parameters())


def _behind(logits: torch.Tensor, config: Any) -> torch.Tensor:
    """What models do to the logits that their heads give."""
    if factor := getattr(config, "lm_head_multiplier", None):  # Falcon H1
        logits = logits * factor
    if isinstance(factor := getattr(config, "logit_scale", None), (int, float)):  # Cohere
        logits = logits * factor
    if divisor := getattr(config, "logits_scaling", None):  # Granite
        logits = logits / divisor
    cap = getattr(config, "final_logit_softcapping", None) or getattr(config, "logits_soft_cap", None)  # Gemma
    return torch.tanh(logits / cap) * cap if cap else logits


def _picked(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    return logits.gather(-1, ids[:, None])[:, 0] - logits.logsumexp(-1)
