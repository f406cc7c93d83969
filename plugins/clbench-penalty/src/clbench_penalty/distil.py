"""Distillation: an earlier state of the model as teacher, and the divergence of its answers from the student's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)

from clbench.data.batches import IGNORE
from clbench.training.losses import evaluating, forward


class Teacher:
    """The model at other weights.

    The student's modules run on the teacher's tensors, so that only these are stored: an adapter's, for an adapter.
    They are other tensors, not the student's with other content, because autocast keeps a parameter's bf16 copy.

    Args:
        model: the student.
        weights: of the teacher, by name; what is missing is the student's.
    """

    def __init__(self, model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
        self.model, self.weights = model, dict(weights)

    def __call__(self, **inputs: Any) -> Any:
        """The model's output at these weights."""
        return torch.func.functional_call(self.model, self.weights, (), inputs)

    @torch.no_grad()
    def logits(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(answer tokens, vocabulary), without dropout."""
        with evaluating(self.model):
            return forward(self.model, batch, call=self).logits


def divergence(
    student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """T²·KL(teacher‖student) at temperature T in nats: mean over an example's answer tokens, then over examples.

    Weighted by examples, as terms of a loss are, that mean is the same however a step is cut into micro-batches.

    Args:
        student: logits (answer tokens, vocabulary), one example after the other.
        teacher: the same.
        labels: (examples, tokens), -100 where there is no loss.
        temperature: T.
    """
    answers = labels != IGNORE
    new = (student.float() / temperature).log_softmax(-1)
    old = (teacher.float() / temperature).log_softmax(-1)
    tokens = F.kl_div(new, old, log_target=True, reduction="none").sum(-1)
    share = (answers / answers.sum(1, keepdim=True))[answers] / len(labels)
    return temperature**2 * (tokens * share).sum()
