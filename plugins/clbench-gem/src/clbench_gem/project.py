"""GEM's quadratic program, in its dual of one variable a past task.

The primal (Lopez-Paz and Ranzato 2017, eq. 8-10) is: the g̃ nearest to the gradient g with mᵢ·g̃ ≥ 0 for each reference
gradient mᵢ. Its dual (eq. 11): g̃ = g + Σ vᵢ mᵢ, with v ≥ 0 minimising ½ vᵀPv + qᵀv, where P = MMᵀ and q = Mg.

All is solved for unit vectors mᵢ/‖mᵢ‖ and g/‖g‖. The constraints stay what they are, P becomes the matrix of cosines,
and margin and ε become pure numbers, so that neither a loss's scale nor one task's changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Vector = NDArray[np.float64]

RANK = 1e-13
"""Eigenvalues of the matrix of cosines below this share of the largest are rounding: that direction is not there."""


@dataclass(frozen=True, slots=True)
class Projection:
    """How a gradient is to be changed.

    Args:
        coefficients: (t,), v of g̃ = g + Σ vᵢ mᵢ, for the vectors as they were given.
        active: number of constraints that hold with equality: those with vᵢ above its bound.
    """

    coefficients: Vector
    active: int


def project(
    gram: Any, dots: Any, norm: float, *, margin: float = 0.0, epsilon: float = 0.0, gamma: float = 0.0
) -> Projection | None:
    """The projection, or None where no constraint is violated.

    Args:
        gram: (t, t), inner products of the reference gradients.
        dots: (t,), their inner products with the gradient.
        norm: ‖g‖.
        margin: lower bound of v in units of ‖g‖/‖mᵢ‖: once a constraint is violated, at least so much of every
            reference is added (the paper's γ, for unit vectors).
        gamma: lower bound of v for the vectors as they are, the authors' γ; the larger of both bounds holds.
        epsilon: added to the diagonal of the matrix of cosines: bounds v where references nearly oppose one another.
            Then mᵢ·g̃ ≥ −ε vᵢ ‖mᵢ‖² instead of 0.
    """
    gram, dots = np.asarray(gram, dtype=np.float64), np.asarray(dots, dtype=np.float64)
    lengths = np.sqrt(np.diag(gram))
    present = lengths > 0  # a reference of zeros constrains nothing
    if norm <= 0 or not (dots[present] < 0).any():
        return None
    scale = 1 / lengths[present]
    cosines = gram[np.ix_(present, present)] * scale[:, None] * scale + epsilon * np.eye(len(scale))
    bound = np.maximum(margin, gamma / (norm * scale))
    above = nonnegative(cosines, dots[present] * scale / norm + cosines @ bound)
    coefficients = np.zeros(len(dots))
    coefficients[present] = (bound + above) * norm * scale
    return Projection(coefficients, int(np.count_nonzero(above)))


def nonnegative(matrix: Vector, vector: Vector) -> Vector:
    """The v ≥ 0 that minimises ½ vᵀPv + qᵀv, for P positive semidefinite and q in its range.

    With P = AᵀA and q = −Aᵀb that is ½‖Av − b‖² but for a constant: nonnegative least squares, by Lawson and Hanson's
    active sets, exact after finitely many steps. A comes from P's eigenvectors, so P may be singular.

    Args:
        matrix: P, (t, t).
        vector: q, (t,).
    """
    values, vectors = np.linalg.eigh(matrix)
    held = values > RANK * values[-1]
    roots, vectors = np.sqrt(values[held]), vectors[:, held]
    solution, _ = nnls(roots[:, None] * vectors.T, -(vectors.T @ vector) / roots)
    return solution
