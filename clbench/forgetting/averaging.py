"""The averages of both models' weights: what can be had for nothing (WiSE-FT, Wortsman et al., arXiv 2109.01903)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clbench.base.errors import ModelError
from clbench.base.hashing import digest
from clbench.forgetting.local import LocalModel

SHARES = (0.75, 0.5, 0.25)  # of the tuned model


class AveragedModel(LocalModel):
    """(1 - share) base + share tuned, in the tuned model's memory.

    Args:
        base: unchanged.
        tuned: its weights are overwritten.
        share: of the tuned model.
    """

    def __init__(self, base: LocalModel, tuned: LocalModel, share: float) -> None:
        super().__init__(tuned.ref, tuned.desk)
        self.name = f"{share:g} {tuned.name}"
        self._loaded, self._evaluator = tuned._load(), tuned.evaluator
        self._hash = digest(["average", base.ref.hash, tuned.ref.hash, share])

    def identity(self) -> Mapping[str, Any]:
        """As of any model, by the hashes of both."""
        return {**super().identity(), "hash": self._hash}


def averages(base: LocalModel, tuned: LocalModel) -> Iterator[tuple[float, AveragedModel]]:
    """One average after the other, each in the place of the one before; the tuned model's own weights are gone.

    Raises:
        ModelError: the two have not the same tensors.
    """
    import torch

    start, own = dict(base.model.named_parameters()), dict(tuned.model.named_parameters())
    unlike = [name for name in start.keys() | own.keys() if _shape(start, name) != _shape(own, name)]
    if unlike or base is tuned:
        why = f"tensors such as {min(unlike)} do not agree" if unlike else "they are one"
        raise ModelError(f"--wise-ft: the two models have no average of their own: {why}")
    before = 1.0
    for share in SHARES:
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(torch.lerp(start[name], parameter, share / before))
        before = share
        yield share, AveragedModel(base, tuned, share)
    tuned.close()


def _shape(tensors: Mapping[str, Any], name: str) -> Any:
    return tensors[name].shape if name in tensors else None
