"""Which directions of a layer's inputs past tasks use, and which are free: DualGPM, as InfLoRA has it (2404.00228).

C = H Hᵀ / n is the covariance of a task's inputs H (width × tokens), M an orthonormal basis of past tasks' directions.

    Ĉ = (1 − M Mᵀ) C (1 − M Mᵀ) = U Λ Uᵀ                        what is new in H, of which Ĥ's singular vectors are U
    k = min {k : tr(Mᵀ C M) + Σ_{i≤k} λ_i ≥ ε tr C};  M ← [M, U_k]           (‖H‖² is covered up to 1 − ε)

Gradients of W lie in the span of its inputs, so M spans those of past tasks, too. Where M has more than half of all
directions, its complement is kept in its place, and U_k taken out of that: memory never exceeds half of the width.
"""

from __future__ import annotations

import torch

TINY = 1e-9  # of the covariance's trace: no direction, but rounding


class Subspace:
    """Of one layer's inputs.

    Args:
        basis: (width, directions), orthonormal.
        free: whether these are the free directions, and not the past's.
    """

    def __init__(self, basis: torch.Tensor, *, free: bool = False) -> None:
        self.basis, self.free = basis, free

    def new(self, covariance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Free directions by how much of a task's inputs is in them.

        Args:
            covariance: of the inputs, (width, width), fp64.

        Returns:
            Eigenvalues Λ, the largest first (directions), and U (width, directions).
        """
        basis = self.basis.to(covariance)
        if self.free:
            values, vectors = torch.linalg.eigh(basis.mT @ covariance @ basis)
            vectors = basis @ vectors
        else:
            off = torch.eye(len(covariance)).to(covariance) - basis @ basis.mT
            values, vectors = torch.linalg.eigh(off @ covariance @ off)
            values, vectors = values[basis.shape[1] :], vectors[:, basis.shape[1] :]  # the past's own are 0
            vectors = off @ vectors
        return values.clamp(min=0).flip(0), vectors.flip(1)

    def learn(self, covariance: torch.Tensor, *, threshold: float) -> None:
        """The past has a task more.

        Args:
            covariance: of its inputs, (width, width), fp64.
            threshold: ε (0–1).
        """
        values, vectors = self.new(covariance)
        total = covariance.diagonal().sum()
        covered = (total - values.sum() + values.cumsum(0)) / total
        enough = covered >= threshold
        if total - values.sum() >= threshold * total:
            number = 0
        else:
            number = int(enough.int().argmax()) + 1 if enough.any() else len(values)
        number = min(number, int((values > TINY * total).sum()))
        width = len(covariance)
        if self.free:
            self.basis = vectors[:, number:]
        elif 2 * (self.basis.shape[1] + number) > width:
            self.basis, self.free = vectors[:, number:], True
        else:
            self.basis = torch.cat([self.basis.to(vectors), vectors[:, :number]], dim=1)
        self.basis = torch.linalg.qr(self.basis)[0].float()

    @property
    def past(self) -> int:
        """How many directions past tasks use."""
        width, kept = self.basis.shape
        return width - kept if self.free else kept


def designed(covariance: torch.Tensor, past: Subspace, rank: int) -> torch.Tensor:
    """The down-projection of a new task: its inputs' strongest free directions, divided by √3 as the authors' code has.

    Args:
        covariance: of the new task's inputs before it is learned, (width, width), fp64.
        past: directions that must stay.
        rank: r.

    Returns:
        A (rank, width); rows for which no free direction is left are 0.
    """
    values, vectors = past.new(covariance)
    found = torch.zeros(rank, len(covariance)).to(covariance)
    number = min(rank, int((values > TINY * covariance.diagonal().sum()).sum()))
    found[:number] = vectors[:, :number].mT / 3**0.5
    return found
