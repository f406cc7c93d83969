"""Against upper bounds: a model trained on all tasks at once, or one for each task."""

from __future__ import annotations

from statistics import fmean

from clbench.base.errors import MatrixError
from clbench.metrics.definitions.cells import tasks
from clbench.metrics.definitions.performance import op
from clbench.metrics.matrix import ResultMatrix


def normalised_joint(r: ResultMatrix) -> float:
    """(OP − b̄) / (J̄ − b̄), b the base row and J the joint model's scores: 0 learned nothing, 1 as good as joint. ↑."""
    return _normalised(r, bound="joint")


def normalised_single(r: ResultMatrix) -> float:
    """(OP − b̄) / (S̄ − b̄), b the base row and S the scores of a model for each task: 1 forgot nothing of it. ↑."""
    return _normalised(r, bound="single")


def intransigence_single(r: ResultMatrix) -> float:
    """I = (1/T) Σ_k (m_k − R[k,k]), m_k of a model trained on task k alone. After Chaudhry et al. 2018. ↓."""
    return _intransigence(r, bound="single")


def intransigence_joint(r: ResultMatrix) -> float:
    """I = (1/T) Σ_k (m_k − R[k,k]), m_k of one model trained on all tasks at once. BeGin's form of Chaudhry 2018. ↓."""
    return _intransigence(r, bound="joint")


def _bound(r: ResultMatrix, name: str) -> tuple[float, ...]:
    bounds = r.bounds.get(name)
    if bounds is None:
        raise MatrixError(
            f"needs the bound {name!r} (a board takes it from that method's run, a matrix file from `bounds`)"
        )
    return bounds


def _intransigence(r: ResultMatrix, *, bound: str) -> float:
    return fmean(best - r.cell(k, k) for k, best in enumerate(_bound(r, bound), 1))


def _normalised(r: ResultMatrix, *, bound: str) -> float:
    """A ratio of means: single tasks on which a bound is no better than the base model have no ratio."""
    best, base = fmean(_bound(r, bound)), fmean(r.cell(0, j) for j in tasks(r))
    if best <= base:
        raise MatrixError(f"needs a bound {bound!r} that is better than the base model")
    return (op(r) - base) / (best - base)
