"""How much really passes through a model while it is trained, counted where every pass must begin: at its embedding.

A method says itself what it costs (`Footprint.extra_passes`). The embedding counts rows of whoever asks: the loop, a
method through `run.loss`, a loop of the method's own, a copy of the model made by `deepcopy`.
A token that is written on its own goes on with a row that was counted, so an answer that is generated counts as one
forward pass over prompt and answer. Not counted is a pass that does not go through the embedding, as of vectors, and a
model that is none of these.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from clbench.models.bearing import packed

if TYPE_CHECKING:
    import torch

ALONE = 1 / 3  # a forward pass without a backward pass, as a share of both


class PassCounter:
    """Counts rows that pass through a model's embedding while it is switched on.

    It stands in the model, where a method can find it, and so refers to nothing but its own numbers.

    Attributes:
        rows: so far; those of which no gradient is wanted count a third.
    """

    def __init__(self) -> None:
        self.rows, self.active = 0.0, False

    def watch(self, model: Any) -> None:
        """Of a model and its deep copies."""
        find = getattr(model, "get_input_embeddings", None)
        embedding = None if find is None else find()
        if embedding is not None:
            embedding.register_forward_pre_hook(self)

    def __call__(self, module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        """A pass begins."""
        import torch

        if self.active and inputs and isinstance(inputs[0], torch.Tensor):
            rows, wanted = packed.texts() or inputs[0].shape[:-1].numel(), torch.is_grad_enabled()
            if wanted or inputs[0].shape[-1] > 1:
                self.rows += rows if wanted else rows * ALONE

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """A copy of the model is counted with it."""
        return self

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """While a model is trained."""
        self.active = True
        try:
            yield
        finally:
            self.active = False
