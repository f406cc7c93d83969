"""Which orderings hold, which do not, which cannot be told; and what goes along with forgetting: as markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clbench.boards.compare import Comparison, compare_rows
from clbench.boards.values import Row
from clbench.report.explained import AXES
from clbench.report.study.explaining import KEYS, Explained
from clbench.report.study.questions import Ordering, Question
from clbench.report.study.rates import Way
from clbench.report.study.tables import NAMES, NONE, pipe

VERDICTS = ("holds", "the other way round", "cannot be told")


def compared(question: Question, way: Way, *, metrics: Sequence[str]) -> dict[Ordering, dict[str, Comparison]]:
    """Each ordering whose methods both were run so, by metric; corrected over all of them."""
    asked = [one for one in question.over(way.rows) if one.worse in way.rows and one.better in way.rows]
    named = {name: Row(name, row.packages, row.records) for name, row in way.rows.items()}
    pairs = [(named[one.better], named[one.worse]) for one in asked]
    found: dict[Ordering, dict[str, Comparison]] = {}
    for one in compare_rows(pairs, values=way.values, metrics=metrics, same=way.same):
        found.setdefault(Ordering(one.baseline, one.method), {})[one.metric] = one
    return found


def verdict(one: Comparison, *, higher_is_better: bool = True) -> str:
    """Whether an ordering holds, in a word."""
    if one.verdict == "cannot tell":
        return "cannot be told"
    return "holds" if (one.verdict == "higher") == higher_is_better else "the other way round"


def orderings_table(found: Mapping[Ordering, Mapping[str, Comparison]], better: Mapping[str, bool]) -> str:
    """Paired differences, each with its verdict.

    Args:
        found: comparisons by ordering and metric.
        better: by metric, whether higher is better.
    """
    keys = list(dict.fromkeys(key for numbers in found.values() for key in numbers))
    lines = [
        [
            f"`{ordering}`",
            str(max(one.difference.n for one in numbers.values())),
            *(_difference(numbers[key], better[key]) if key in numbers else NONE for key in keys),
        ]
        for ordering, numbers in found.items()
    ]
    return pipe(["ordering", "pairs", *(NAMES.get(key, key) for key in keys)], lines, texts=len(keys) + 2)


def _difference(one: Comparison, higher_is_better: bool) -> str:
    half = "" if one.difference.spread is None else f" ± {one.difference.spread:.3f}"
    p = "" if one.p_holm is None else f", p {one.p_holm:.3f}" if one.p_holm >= 0.001 else ", p < 0.001"
    return f"{one.difference.mean:+z.3f}{half}{p}: {verdict(one, higher_is_better=higher_is_better)}{needed(one)}"


def needed(one: Comparison) -> str:
    """How many pairs would tell, where these do not."""
    return f" ({one.needed:,} pairs would)" if one.verdict == "cannot tell" and one.needed else ""


def explained_table(found: Sequence[Explained]) -> str:
    """What goes along with forgetting."""
    lines = [
        [
            one.lost,
            one.over,
            f"{one.rows} ({one.runs})",
            *(NONE if (rho := one.rho[key]) is None else f"{rho:+.2f}" for key in KEYS),
            NONE if one.apart is None else f"[{one.apart.low:+.2f}, {one.apart.high:+.2f}]",
            one.verdict,
        ]
        for one in found
    ]
    headings = ["forgetting", "methods", "rows (runs)", *(heading for _, heading in AXES)]
    return pipe([*headings, "difference of their sizes", "explains more"], lines, texts=2)
