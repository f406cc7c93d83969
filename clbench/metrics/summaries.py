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

from clbench.base.errors import MatrixError
from clbench.metrics.definitions import backward, bounded, forgetting, forward, performance, retention
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


def _spec(name: str, function: SummaryFunction, *, higher_is_better: bool = True) -> SummarySpec:
    return SummarySpec(
        name, f"{function.__module__}:{function.__name__}", higher_is_better, (function.__doc__ or "").strip()
    )


SUMMARIES: tuple[SummarySpec, ...] = (
    _spec("op", performance.op),
    _spec("final.median", performance.final_median),
    _spec("final.iqm", performance.final_iqm),
    _spec("normalised.joint", bounded.normalised_joint),
    _spec("normalised.single", bounded.normalised_single),
    _spec("bwt.gem", backward.bwt_gem),
    _spec("bwt.trace-printed", backward.bwt_trace_printed),
    _spec("bwt.gem-code", backward.bwt_gem_code),
    _spec("bwt.treelora", backward.bwt_treelora),
    _spec("bwt.diaz", backward.bwt_diaz),
    _spec("bwt.diaz-plus", backward.bwt_diaz_plus),
    _spec("bwt.continuum-1.2.7", backward.bwt_continuum_127),
    _spec("rem.diaz", backward.rem_diaz),
    _spec("forgetting.chaudhry", forgetting.forgetting_chaudhry, higher_is_better=False),
    _spec("forgetting.pycil", forgetting.forgetting_pycil, higher_is_better=False),
    _spec("forgetting.mammoth", forgetting.forgetting_mammoth, higher_is_better=False),
    _spec("forgetting.avalanche", forgetting.forgetting_avalanche, higher_is_better=False),
    _spec("forgetting.continual-next", forgetting.forgetting_continual_next),
    _spec("forgetting.continuum-1.2.7", forgetting.forgetting_continuum_127, higher_is_better=False),
    _spec("fwt.gem", forward.fwt_gem),
    _spec("fwt.gem-code", forward.fwt_gem_code),
    _spec("fwt.continuum", forward.fwt_continuum),
    _spec("fwt.continuum-1.2.7", forward.fwt_continuum_127),
    _spec("fwt.sapt", forward.fwt_sapt),
    _spec("retention.facts", retention.retention_facts),
    _spec("delta.general-ability", retention.delta_general_ability),
    _spec("delta.general-trace", retention.delta_general_trace),
    _spec("learning_accuracy", performance.learning_accuracy),
    _spec("aia", performance.aia),
    _spec("accuracy.diaz", performance.accuracy_diaz),
    _spec("intransigence.single", bounded.intransigence_single, higher_is_better=False),
    _spec("intransigence.joint", bounded.intransigence_joint, higher_is_better=False),
)
