"""What is never trained on: facts and skills of the base model."""

from __future__ import annotations

from statistics import fmean

from clbench.base.errors import MatrixError
from clbench.metrics.matrix import ResultMatrix


def retention_facts(r: ResultMatrix) -> float:
    """Retention = facts[T] / facts[0]: share of the base model's closed-book facts left at the end. ↑."""
    base, last = _probe_ends(r, "probes/facts")
    if base == 0:
        raise MatrixError("needs a base model that knows some of probes/facts")
    return last / base


def delta_general_ability(r: ResultMatrix) -> float:
    """ΔR^G = (1/M) Σ_m (R^m[T] − R^m[0]) over the probes that are scored from 0 to 1. TRACE (2023). ↑."""
    names = [name for name in r.probes if not name.endswith("text")]
    if not names:
        raise MatrixError("needs probes")
    return fmean(last - base for base, last in (_probe_ends(r, name) for name in names))


TRACE_SIX = ("mmlu", "gsm8k", "bbh", "tydiqa", "boolq", "piqa")


def delta_general_trace(r: ResultMatrix) -> float:
    """ΔR^G over TRACE's six sets: MMLU, GSM8K, BBH, TyDiQA, BoolQ, PIQA. TRACE (2023), table 2. ↑."""
    return fmean(last - base for base, last in (_probe_ends(r, f"probes/{name}") for name in TRACE_SIX))


def _probe_ends(r: ResultMatrix, name: str) -> tuple[float, float]:
    """A probe's score before and after the stream."""
    row = r.probes.get(name)
    if row is None or row[0] is None or row[-1] is None:
        raise MatrixError(f"needs the probe {name!r} before and after the stream")
    return row[0], row[-1]
