"""An orthonormal basis of gradients, kept by parameter, and projection onto what is orthogonal to it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

DEPENDENT = 1e-3  # a vector of which less than this share of its length is new brings no direction

Vector = dict[str, torch.Tensor]
"""A vector in the space of all parameters: a tensor a parameter, by name."""


class Basis:
    """Orthonormal rows over the parameters that were there when they were added.

    Args:
        rows: by parameter, (vectors, entries); they are one vector's parts, so their squared lengths sum to 1.
    """

    def __init__(self, rows: Mapping[str, torch.Tensor] | None = None) -> None:
        self.rows = dict(rows or {})

    def __len__(self) -> int:
        return len(next(iter(self.rows.values()), ()))

    def coordinates(self, vector: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """V g (vectors); parameters that only one of the two has are 0 in the other.

        Summed in the order of names, as rounding depends on the order, and a checkpoint has one of its own.
        """
        names = sorted(self.rows.keys() & vector.keys())
        parts = [self.rows[name] @ vector[name].flatten().to(self.rows[name]) for name in names]
        return torch.stack(parts).sum(0) if parts else torch.zeros(len(self))

    def remove(self, vector: Mapping[str, torch.Tensor]) -> float:
        """G ← g − Vᵀ V g, in place; returns the share (0–1) of its squared length that was removed."""
        if not len(self):
            return 0.0
        whole = sum(float(one.square().sum()) for one in vector.values())
        within = self.coordinates(vector)
        for name, rows in self.rows.items():
            if name in vector:
                vector[name].sub_((within @ rows).view_as(vector[name]).to(vector[name]))
        return float(within.square().sum()) / whole if whole else 0.0

    def add(self, vector: Mapping[str, torch.Tensor]) -> bool:
        """One direction more, made orthogonal to those that are there and of length 1; False: it was among them."""
        new = {name: one.detach().float().clone() for name, one in vector.items()}
        before = _length(new)
        for _ in range(2):  # once leaves what rounding left of it
            self.remove(new)
        if not before or _length(new) <= DEPENDENT * before:
            return False
        scale, number = 1 / _length(new), len(self)
        for name, one in new.items():
            row = (one * scale).flatten()[None]
            known = self.rows.get(name, row.new_zeros(number, row.shape[1]))
            self.rows[name] = torch.cat([known.to(row.device), row])
        for name in self.rows.keys() - new.keys():
            rows = self.rows[name]
            self.rows[name] = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        return True

    def place(self, device: torch.device) -> None:
        """Where gradients are; a checkpoint leaves it on the CPU."""
        self.rows = {name: one.to(device) for name, one in self.rows.items()}

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(one.nbytes for one in self.rows.values())


def _length(vector: Mapping[str, torch.Tensor]) -> float:
    return sum(float(one.square().sum()) for one in vector.values()) ** 0.5
