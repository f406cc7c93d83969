r"""Named functions of the result matrix R: OP, BWT, FWT, forgetting and the rest, each under the definition's own name.

Nine implementations in the field give five different "BWT"s for one matrix, so a number never travels without its
definition here: `bwt.gem`, `bwt.treelora`, … . Indices are the field's: 1 ≤ i, j ≤ T, row 0 is the base model b.
A cell that was not measured is never averaged away: the metric is then missing, and says which cell it needs.
What divides by T − 1 does not exist for T = 1.

Some definitions are kept only because published numbers obey them (`continuum-1.2.7`, `sapt`, `…-code`, which is a
repository's where its paper prints another); their docstring says so. What depends on the scale refuses a table that is
not on 0–1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from statistics import fmean, median

from clbench.base.errors import MatrixError
from clbench.metrics.matrix import ResultMatrix

SummaryFunction = Callable[[ResultMatrix], float]


@dataclass(frozen=True, slots=True)
class SummarySpec:
    """A named function of R.

    Args:
        name: `family.definition`, such as `bwt.gem`, or just `op`.
        target: `module:function` taking a ResultMatrix and returning a float.
        higher_is_better: the direction.
        summary: the formula and its source in one line.
    """

    name: str
    target: str
    higher_is_better: bool
    summary: str

    def of(self, matrix: ResultMatrix) -> float:
        """The number.

        Raises:
            MatrixError: R lacks what the summary needs; or a plugin's function cannot be imported or fails.
        """
        try:
            value = float(_function(self.target)(matrix))
        except MatrixError:
            raise
        except (Exception, SystemExit) as error:
            raise MatrixError(f"{self.target} failed: {error!r}") from error
        if not math.isfinite(value):
            raise MatrixError(f"{self.target} gave {value}")
        return value


@cache
def _function(target: str) -> SummaryFunction:
    """A board asks for the same few functions many thousand times."""
    return resolve_name(target)


def compute(matrix: ResultMatrix, specs: Iterable[SummarySpec]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every summary that R allows.

    Returns:
        values: name to number, None where it cannot be computed.
        missing: name to the reason, for those.
    """
    values: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    for spec in specs:
        try:
            values[spec.name] = spec.of(matrix)
        except MatrixError as error:
            values[spec.name] = None
            missing[spec.name] = str(error)
    return values, missing


def nested(values: dict[str, float | None]) -> dict[str, object]:
    """`{"bwt.gem": x, "op": y}` as `{"bwt": {"gem": x}, "op": y}`."""
    tree: dict[str, object] = {}
    for name, value in values.items():
        family, _, definition = name.partition(".")
        if not definition:
            tree[family] = value
            continue
        branch = tree.setdefault(family, {})
        assert isinstance(branch, dict)
        branch[definition] = value
    return tree


# --- performance -----------------------------------------------------------------------------------------------------


def op(r: ResultMatrix) -> float:
    """OP = (1/T) Σ_j R[T,j]. Lopez-Paz & Ranzato 2017 (ACC); TRACE's Overall Performance at t = T. ↑."""
    return fmean(r.cell(r.num_tasks, j) for j in _tasks(r))


def final_median(r: ResultMatrix) -> float:
    """Median of R's last row: half the tasks are better. ↑."""
    return median(r.cell(r.num_tasks, j) for j in _tasks(r))


def final_iqm(r: ResultMatrix) -> float:
    """Mean of R's last row without its ⌊T/4⌋ lowest and highest cells: interquartile mean, Agarwal et al. 2021. ↑."""
    cells, cut = sorted(r.cell(r.num_tasks, j) for j in _tasks(r)), r.num_tasks // 4
    return fmean(cells[cut : r.num_tasks - cut])


def learning_accuracy(r: ResultMatrix) -> float:
    """LA = (1/T) Σ_i R[i,i]: how well each task is learned at its turn. Riemer et al. 2019. ↑."""
    return fmean(r.cell(i, i) for i in _tasks(r))


def aia(r: ResultMatrix) -> float:
    """AIA = (1/T) Σ_t (1/t) Σ_{i≤t} R[t,i]: average incremental accuracy (LibContinual, eq. 4). ↑."""
    return fmean(fmean(r.cell(t, i) for i in range(1, t + 1)) for t in _tasks(r))


def accuracy_diaz(r: ResultMatrix) -> float:
    """A = Σ_{i≥j} R[i,j] / (T(T+1)/2). Díaz-Rodríguez et al. 2018. ↑."""
    return fmean(r.cell(i, j) for i in _tasks(r) for j in range(1, i + 1))


# --- backward transfer -----------------------------------------------------------------------------------------------


def bwt_gem(r: ResultMatrix) -> float:
    """BWT = (1/(T−1)) Σ_{i<T} (R[T,i] − R[i,i]). Lopez-Paz & Ranzato 2017; TRACE's published numbers obey it. ↑."""
    return fmean(_changes(r))


def bwt_trace_printed(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_{i≤T} (R[T,i] − R[i,i]). TRACE (2023) as its formula is printed; SEEKR, SAPT. ↑."""
    return sum(_changes(r, at_least=1)) / r.num_tasks


def bwt_gem_code(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_i (R[T,i] − R[i,i]), T's own 0 counted: GEM's code (its paper's is `bwt.gem`). ↑."""
    return bwt_trace_printed(r)


def bwt_treelora(r: ResultMatrix) -> float:
    """BWT = (1/T) Σ_i min(R[T,i] − R[i,i], 0): gains are deleted. TreeLoRA's code (published with turned sign). ↑."""
    return sum(min(change, 0.0) for change in _changes(r, at_least=1)) / r.num_tasks


def bwt_diaz(r: ResultMatrix) -> float:
    """BWT = Σ_{i>j} (R[i,j] − R[j,j]) / (T(T−1)/2). Díaz-Rodríguez et al. 2018; continuum's main branch. ↑."""
    _need_two(r)
    return fmean(r.cell(i, j) - r.cell(j, j) for i, j in _below(r))


def bwt_diaz_plus(r: ResultMatrix) -> float:
    """BWT⁺ = max(BWT, 0) with Díaz-Rodríguez's BWT (2018). ↑."""
    return max(bwt_diaz(r), 0.0)


def bwt_continuum_127(r: ResultMatrix) -> float:
    """`bwt.diaz` without the pairs (j+1, j): continuum 1.2.7 and LibContinual (off by one). Only to reproduce. ↑."""
    _need_two(r)
    total = sum(r.cell(i, j) - r.cell(j, j) for i, j in _below(r) if i > j + 1)
    return total / (r.num_tasks * (r.num_tasks - 1) / 2)


def rem_diaz(r: ResultMatrix) -> float:
    """REM = 1 − |min(BWT, 0)| with Díaz-Rodríguez's BWT (2018): remembering. Of scores on 0–1 only. ↑."""
    _need_unit_scale(r)
    return 1.0 - abs(min(bwt_diaz(r), 0.0))


# --- forgetting ------------------------------------------------------------------------------------------------------


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
    _need_two(r)
    size = r.num_tasks
    drops = (max(r.cell(i, j) for i in range(j, size - 1)) - r.cell(size, j) for j in range(1, size - 1))
    return sum(drops) / (size - 1)


# --- forward transfer ------------------------------------------------------------------------------------------------


def fwt_gem(r: ResultMatrix) -> float:
    """FWT = (1/(T−1)) Σ_{i≥2} (R[i−1,i] − b_i), b the untouched base model. Lopez-Paz & Ranzato 2017. ↑."""
    _need_two(r)
    return fmean(r.cell(i - 1, i) - r.cell(0, i) for i in range(2, r.num_tasks + 1))


def fwt_gem_code(r: ResultMatrix) -> float:
    """FWT = (1/T) Σ_{i≥2} (R[i−1,i] − b_i): GEM's code counts a 0 for task 1 (its paper's is `fwt.gem`). ↑."""
    return fwt_gem(r) * (r.num_tasks - 1) / r.num_tasks


def fwt_continuum(r: ResultMatrix) -> float:
    """FWT = (1/(T−1)) Σ_{i≥2} R[i−1,i]: no base subtracted. continuum's main branch. ↑."""
    _need_two(r)
    return fmean(r.cell(i - 1, i) for i in range(2, r.num_tasks + 1))


def fwt_continuum_127(r: ResultMatrix) -> float:
    """Mean of R[i,j] over i > j: what continuum 1.2.7 calls FWT (it is none). Only to reproduce. ↑."""
    _need_two(r)
    return fmean(r.cell(i, j) for i, j in _below(r))


def fwt_sapt(r: ResultMatrix) -> float:
    """FWT = mean_i R[i,i] − 0.5094, a constant in SAPT's `score.py`: its own backbone's. Of scores on 0–1 only. ↑."""
    _need_unit_scale(r)
    return learning_accuracy(r) - 0.5094


# --- against upper bounds --------------------------------------------------------------------------------------------


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


# --- what is never trained on ---------------------------------------------------------------------------------------


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


# --- parts -----------------------------------------------------------------------------------------------------------


def _tasks(r: ResultMatrix) -> range:
    return range(1, r.num_tasks + 1)


def _below(r: ResultMatrix) -> list[tuple[int, int]]:
    """All (i, j) with i > j."""
    return [(i, j) for i in _tasks(r) for j in range(1, i)]


def _need_two(r: ResultMatrix) -> None:
    if r.num_tasks < 2:
        raise MatrixError("needs at least two tasks")


def _changes(r: ResultMatrix, *, at_least: int = 2) -> list[float]:
    """R[T,i] − R[i,i] for i < T."""
    if at_least > 1:
        _need_two(r)
    last = r.num_tasks
    return [r.cell(last, i) - r.cell(i, i) for i in range(1, last)]


def _need_unit_scale(r: ResultMatrix) -> None:
    """For what is no function of differences or ratios: a table in percent would give a number without meaning."""
    cells = (cell for row in (r.base or (), *r.rows) for cell in row if cell is not None)
    other = next((cell for cell in cells if not 0 <= cell <= 1), None)
    if other is not None:
        raise MatrixError(f"needs scores on 0–1, and there is {other:g}; divide a table in percent by 100")


def _forgetting(r: ResultMatrix, *, last: int, ahead: int = 0) -> float:
    """Mean over j < T of the best R[l,j] with j ≤ l ≤ last, minus R[T,j]; l ≥ 1 begins `ahead` rows before j."""
    _need_two(r)
    size = r.num_tasks
    best = (max(r.cell(i, j) for i in range(max(1, j - ahead), last + 1)) for j in range(1, size))
    return fmean(value - r.cell(size, j) for j, value in enumerate(best, 1))


def _probe_ends(r: ResultMatrix, name: str) -> tuple[float, float]:
    """A probe's score before and after the stream."""
    row = r.probes.get(name)
    if row is None or row[0] is None or row[-1] is None:
        raise MatrixError(f"needs the probe {name!r} before and after the stream")
    return row[0], row[-1]


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
    best, base = fmean(_bound(r, bound)), fmean(r.cell(0, j) for j in _tasks(r))
    if best <= base:
        raise MatrixError(f"needs a bound {bound!r} that is better than the base model")
    return (op(r) - base) / (best - base)


def _spec(name: str, function: SummaryFunction, *, higher_is_better: bool = True) -> SummarySpec:
    return SummarySpec(name, f"{__name__}:{function.__name__}", higher_is_better, (function.__doc__ or "").strip())


SUMMARIES: tuple[SummarySpec, ...] = (
    _spec("op", op),
    _spec("final.median", final_median),
    _spec("final.iqm", final_iqm),
    _spec("normalised.joint", normalised_joint),
    _spec("normalised.single", normalised_single),
    _spec("bwt.gem", bwt_gem),
    _spec("bwt.trace-printed", bwt_trace_printed),
    _spec("bwt.gem-code", bwt_gem_code),
    _spec("bwt.treelora", bwt_treelora),
    _spec("bwt.diaz", bwt_diaz),
    _spec("bwt.diaz-plus", bwt_diaz_plus),
    _spec("bwt.continuum-1.2.7", bwt_continuum_127),
    _spec("rem.diaz", rem_diaz),
    _spec("forgetting.chaudhry", forgetting_chaudhry, higher_is_better=False),
    _spec("forgetting.pycil", forgetting_pycil, higher_is_better=False),
    _spec("forgetting.mammoth", forgetting_mammoth, higher_is_better=False),
    _spec("forgetting.avalanche", forgetting_avalanche, higher_is_better=False),
    _spec("forgetting.continual-next", forgetting_continual_next),
    _spec("forgetting.continuum-1.2.7", forgetting_continuum_127, higher_is_better=False),
    _spec("fwt.gem", fwt_gem),
    _spec("fwt.gem-code", fwt_gem_code),
    _spec("fwt.continuum", fwt_continuum),
    _spec("fwt.continuum-1.2.7", fwt_continuum_127),
    _spec("fwt.sapt", fwt_sapt),
    _spec("retention.facts", retention_facts),
    _spec("delta.general-ability", delta_general_ability),
    _spec("delta.general-trace", delta_general_trace),
    _spec("learning_accuracy", learning_accuracy),
    _spec("aia", aia),
    _spec("accuracy.diaz", accuracy_diaz),
    _spec("intransigence.single", intransigence_single, higher_is_better=False),
    _spec("intransigence.joint", intransigence_joint, higher_is_better=False),
)
