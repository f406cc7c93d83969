"""What is asked of an engine, and what an engine is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch

Draw = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written.

    Args:
        prompts: their tokens.
        limit: new tokens at most.
        ends: tokens that end an answer.
        stopped: whether tokens, the prompt's among them, end an answer otherwise, given where it begins; None: never.
        draw: tokens so far and scores to other scores, of which the greatest is taken; None: greedy.
    """

    prompts: Sequence[Sequence[int]]
    limit: int
    ends: frozenset[int] = frozenset()
    stopped: Callable[[Sequence[int], int], bool] | None = None
    draw: Draw | None = None

    def is_over(self, row: int, new: Sequence[int]) -> bool:
        """Whether a prompt's answer has come to its end."""
        if new[-1] in self.ends:
            return True
        prompt = self.prompts[row]
        return self.stopped is not None and self.stopped([*prompt, *new], len(prompt))


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a model computes.

    Args:
        device: of the model.
        pad: any token.
        precision: of the arithmetic: `fp32`, or `bf16` autocast.
        loose: what logits may differ by, as a share of their spread, and still be the same but for rounding.
    """

    device: torch.device
    pad: int
    precision: str
    loose: float


class Written(NamedTuple):
    """The tokens that were generated for one prompt.

    Args:
        ids: up to the first that ends an answer.
        end: that one, if there was one.
    """

    ids: list[int]
    end: int | None

    @property
    def whole(self) -> tuple[int, ...]:
        """With the token that ends it."""
        return (*self.ids, *([] if self.end is None else [self.end]))


def until_end(ids: list[int], ends: frozenset[int]) -> Written:
    """Tokens up to the first that ends an answer."""
    end = next((i for i, token in enumerate(ids) if token in ends), None)
    return Written(ids, None) if end is None else Written(ids[:end], ids[end])


class Engine(Protocol):
    """One way to write greedy answers.

    Attributes:
        name: as in `runtime.engine`.
        plans: whether it makes batches by itself, and is given all prompts at once.
    """

    name: ClassVar[str]
    plans: ClassVar[bool]

    def refusal(self, model: Any, sample: Batch) -> str:
        """Why it cannot write for this model; empty where it can.

        Args:
            model: causal LM.
            sample: two prompts, the longer one first.
        """
        ...

    def write(self, model: Any, batch: Batch) -> list[list[int]]:
        """New tokens of each prompt, up to the one that ends it at least."""
        ...
