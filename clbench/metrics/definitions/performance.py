"""How well tasks are learned, and how well all are known."""

from __future__ import annotations

from statistics import fmean, median

from clbench.metrics.definitions.cells import tasks
from clbench.metrics.matrix import ResultMatrix


def op(r: ResultMatrix) -> float:
    """OP = (1/T) Σ_j R[T,j]. Lopez-Paz & Ranzato 2017 (ACC); TRACE's Overall Performance at t = T. ↑."""
    return fmean(r.cell(r.num_tasks, j) for j in tasks(r))


def final_median(r: ResultMatrix) -> float:
    """Median of R's last row: half the tasks are better. ↑."""
    return median(r.cell(r.num_tasks, j) for j in tasks(r))


def final_iqm(r: ResultMatrix) -> float:
    """Mean of R's last row without its ⌊T/4⌋ lowest and highest cells: interquartile mean, Agarwal et al. 2021. ↑."""
    cells, cut = sorted(r.cell(r.num_tasks, j) for j in tasks(r)), r.num_tasks // 4
    return fmean(cells[cut : r.num_tasks - cut])


def learning_accuracy(r: ResultMatrix) -> float:
    """LA = (1/T) Σ_i R[i,i]: how well each task is learned at its turn. Riemer et al. 2019. ↑."""
    return fmean(r.cell(i, i) for i in tasks(r))


def aia(r: ResultMatrix) -> float:
    """AIA = (1/T) Σ_t (1/t) Σ_{i≤t} R[t,i]: average incremental accuracy (LibContinual, eq. 4). ↑."""
    return fmean(fmean(r.cell(t, i) for i in range(1, t + 1)) for t in tasks(r))


def accuracy_diaz(r: ResultMatrix) -> float:
    """A = Σ_{i≥j} R[i,j] / (T(T+1)/2). Díaz-Rodríguez et al. 2018. ↑."""
    return fmean(r.cell(i, j) for i in tasks(r) for j in range(1, i + 1))
