"""Backward transfer: what later tasks change in earlier ones."""

from __future__ import annotations

from statistics import fmean

from clbench.metrics.definitions.cells import below, changes, need_two, need_unit_scale
from clbench.metrics.matrix import ResultMatrix


def bwt_gem(r: ResultMatrix) -> float:
    """BWT = (1/(T−1)) Σ_{i<T} (R[T,i] − R[i,i]). Lopez-Paz & Ranzato 2017; TRACE's published numbers obey it. ↑."""
    return fmean(changes(r))


def bwt_trace_printed(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_{i≤T} (R[T,i] − R[i,i]). TRACE (2023) as its formula is printed; SEEKR, SAPT. ↑."""
    return sum(changes(r, at_least=1)) / r.num_tasks


def bwt_gem_code(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_i (R[T,i] − R[i,i]), T's own 0 counted: GEM's code (its paper's is `bwt.gem`). ↑."""
    return bwt_trace_printed(r)


def bwt_treelora(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_i min(R[T,i] − R[i,i], 0): gains are deleted. TreeLoRA's code (published with turned sign). ↑."""
    return sum(min(change, 0.0) for change in changes(r, at_least=1)) / r.num_tasks


def bwt_diaz(r: ResultMatrix) -> float:
    """BWT = Σ_{i>j} (R[i,j] − R[j,j]) / (T(T−1)/2). Díaz-Rodríguez et al. 2018; continuum's main branch. ↑."""
    need_two(r)
    return fmean(r.cell(i, j) - r.cell(j, j) for i, j in below(r))


def bwt_diaz_plus(r: ResultMatrix) -> float:
    """BWT⁺ = max(BWT, 0) with Díaz-Rodríguez's BWT (2018). ↑."""
    return max(bwt_diaz(r), 0.0)


def bwt_continuum_127(r: ResultMatrix) -> float:
    """`bwt.diaz` without the pairs (j+1, j): continuum 1.2.7 and LibContinual (off by one). Only to reproduce. ↑."""
    need_two(r)
    total = sum(r.cell(i, j) - r.cell(j, j) for i, j in below(r) if i > j + 1)
    return total / (r.num_tasks * (r.num_tasks - 1) / 2)


def rem_diaz(r: ResultMatrix) -> float:
    """REM = 1 − |min(BWT, 0)| with Díaz-Rodríguez's BWT (2018): remembering. Of scores on 0–1 only. ↑."""
    need_unit_scale(r)
    return 1.0 - abs(min(bwt_diaz(r), 0.0))
