"""Forward transfer: what earlier tasks give to later ones."""

from __future__ import annotations

from statistics import fmean

from clbench.metrics.definitions.cells import below, need_two, need_unit_scale
from clbench.metrics.definitions.performance import learning_accuracy
from clbench.metrics.matrix import ResultMatrix


def fwt_gem(r: ResultMatrix) -> float:
    """FWT = (1/(T−1)) Σ_{i≥2} (R[i−1,i] − b_i), b the untouched base model. Lopez-Paz & Ranzato 2017. ↑."""
    need_two(r)
    return fmean(r.cell(i - 1, i) - r.cell(0, i) for i in range(2, r.num_tasks + 1))


def fwt_gem_code(r: ResultMatrix) -> float:
    """FWT = (1/T) Σ_{i≥2} (R[i−1,i] − b_i): GEM's code counts a 0 for task 1 (its paper's is `fwt.gem`). ↑."""
    return fwt_gem(r) * (r.num_tasks - 1) / r.num_tasks


def fwt_continuum(r: ResultMatrix) -> float:
    """FWT = (1/(T−1)) Σ_{i≥2} R[i−1,i]: no base subtracted. continuum's main branch. ↑."""
    need_two(r)
    return fmean(r.cell(i - 1, i) for i in range(2, r.num_tasks + 1))


def fwt_continuum_127(r: ResultMatrix) -> float:
    """Mean of R[i,j] over i > j: what continuum 1.2.7 calls FWT (it is none). Only to reproduce. ↑."""
    need_two(r)
    return fmean(r.cell(i, j) for i, j in below(r))


def fwt_sapt(r: ResultMatrix) -> float:
    """FWT = mean_i R[i,i] − 0.5094, a constant in SAPT's `score.py`: its own backbone's. Of scores on 0–1 only. ↑."""
    need_unit_scale(r)
    return learning_accuracy(r) - 0.5094
