"""What a model writes while it is trained: a sample, and who gives it. Implemented where models are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from clbench.data.example import Example

if TYPE_CHECKING:
    import torch

    from clbench.data.tokenising import Encoded
    from clbench.runs.predictions import Prediction

Answer = str | Sequence[int]
"""Text, which is ended as a reference is; or tokens as they stand."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of the model to a training example.

    Args:
        example: what was asked, with its reference.
        text: as an evaluation would read it.
        ids: its tokens, with the one that ended it, if one did.
        truncated: whether it ran into the limit.
    """

    example: Example
    text: str
    ids: tuple[int, ...]
    truncated: bool = False


class Answering(Protocol):
    """Behind `Run.generate`, `Run.score`, `Run.encode` and `Run.logprobs`, which say what each does."""

    def generate(
        self,
        model: Any,
        examples: Sequence[Example],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int | None,
        generator: torch.Generator,
    ) -> list[list[Sample]]:
        """See `Run.generate`; `generator` gives every number that chooses a token."""
        ...

    def score(self, task: str, predictions: Sequence[Prediction]) -> list[float]:
        """See `Run.score`; whose records they are was checked before."""
        ...

    def encode(
        self, examples: Sequence[Example], answers: Sequence[Answer], weights: Sequence[float] | None
    ) -> list[Encoded]:
        """See `Run.encode`."""
        ...

    def logprobs(self, rows: Sequence[Encoded]) -> list[torch.Tensor]:
        """See `Run.logprobs`."""
        ...
