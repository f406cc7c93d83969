"""Forgetting: how far each task falls from its best."""

from __future__ import annotations

from statistics import fmean

from clbench.metrics.definitions.backward import bwt_gem
from clbench.metrics.definitions.cells import need_two
from clbench.metrics.matrix import ResultMatrix


def forgetting_chaudhry(r: ResultMatrix) -> float:
    """F = (1/(T−1)) Σ_{j<T} (max_{j≤l<T} R[l,j] − R[T,j]). Chaudhry et al. 2018, eq. 3. ↓; negative = gained."""
    return _forgetting(r, last=r.num_tasks - 1)


def forgetting_pycil(r: ResultMatrix) -> float:
    """As Chaudhry's with the maximum over j ≤ l ≤ T, so that it cannot be negative. PyCIL, PILOT. ↓."""
    return _forgetting(r, last=r.num_tasks)


def forgetting_mammoth(r: ResultMatrix) -> float:
    """`forgetting.pycil` with l ≥ j−1: Mammoth's code has R[j−1,j] in row j−1, measured for its FWT. ↓."""
    return _forgetting(r, last=r.num_tasks, ahead=1)


def forgetting_avalanche(r: ResultMatrix) -> float:
    """F = (1/(T−1)) Σ_{i<T} (R[i,i] − R[T,i]) = −BWT (GEM). Avalanche's stream forgetting. ↓."""
    return -bwt_gem(r)


def forgetting_continual_next(r: ResultMatrix) -> float:
    """−F (Chaudhry): as Continual-NExT prints its formula (its tables show the positive number). ↑."""
    return -forgetting_chaudhry(r)


def forgetting_continuum_127(r: ResultMatrix) -> float:
    """Chaudhry's without task T−1 and round T−1: the off-by-one of continuum 1.2.7. Only to reproduce. ↓."""
    need_two(r)
    size = r.num_tasks
    drops = (max(r.cell(i, j) for i in range(j, size - 1)) - r.cell(size, j) for j in range(1, size - 1))
    return sum(drops) / (size - 1)


def _forgetting(r: ResultMatrix, *, last: int, ahead: int = 0) -> float:
    """Mean over j < T of the best R[l,j] with j ≤ l ≤ last, minus R[T,j]; l ≥ 1 begins `ahead` rows before j."""
    need_two(r)
    size = r.num_tasks
    best = (max(r.cell(i, j) for i in range(max(1, j - ahead), last + 1)) for j in range(1, size))
    return fmean(value - r.cell(size, j) for j, value in enumerate(best, 1))
