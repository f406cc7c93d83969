"""Language-model batches in the form that Avalanche's strategies expect: `x, y, t` with a `.to`, and `model(x)`.

`x` is a `TokenBatch`; `y` and `t` hold one entry for each answer token of the batch: the token, and its task's label.
`CausalLM` gives the logits of these tokens, so `torch.nn.CrossEntropyLoss()` is clbench's loss, the mean over all
answer tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clbench.data.batches import collate
from clbench.data.tokenising import Encoded
from clbench.training.losses import forward

Minibatch = tuple["TokenBatch", Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """One padded batch.

    Args:
        tensors: as `clbench.data.batches.collate` gives them.
    """

    tensors: dict[str, Tensor]

    def to(self, device: Any, *, non_blocking: bool = False) -> TokenBatch:
        """The batch on a device."""
        return TokenBatch({name: one.to(device, non_blocking=non_blocking) for name, one in self.tensors.items()})

    def __len__(self) -> int:
        """Examples."""
        return len(self.tensors["input_ids"])

    def targets(self) -> Tensor:
        """All answer tokens, example by example: (answer tokens,)."""
        return self.tensors["targets"]


class CausalLM(torch.nn.Module):
    """A causal LM as an Avalanche model.

    Args:
        model: of transformers.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: TokenBatch) -> Tensor:
        """The logits, in fp32, that predict `batch.targets()`: (answer tokens, vocabulary)."""
        return forward(self.model, batch.tensors).logits.float()


def collator(*, pad: int) -> Callable[[Sequence[Any]], Minibatch]:
    """A collate function of items (encoded example, task label).

    Args:
        pad: token that fills.
    """

    def collate_items(items: Sequence[tuple[Encoded, int]]) -> Minibatch:
        batch = TokenBatch(collate([one for one, _ in items], pad=pad))
        tasks = [label for one, label in items for _ in range(one.num_answer)]
        return batch, batch.targets(), torch.tensor(tasks)

    return collate_items
