"""The tables of docs/selection.md, from records in the repository: `python tests/selection_tables.py` writes them."""

from __future__ import annotations

import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from pages import filled

from clbench.metrics.statistics import mean_std, paired_difference
from clbench.metrics.summaries import compute
from clbench.plugins.registry import registry
from clbench.runs.record import Record, read_record

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "selection.md"
Scores = dict[float, dict[int, float]]  # learning rate to seed to OP


class Promise(NamedTuple):
    """A chosen rate against the protocol's own.

    Args:
        promised: difference in OP on the records by which it was chosen.
        kept: the mean of that difference on test records, over other seeds.
    """

    promised: float
    kept: float


@cache
def scores(stream: str) -> dict[str, Scores]:
    """By method the OP of its runs of the default order on one stream's boards, whatever else is the same."""
    found: dict[str, Scores] = defaultdict(lambda: defaultdict(dict))
    for path in sorted(ROOT.glob(f"leaderboards/results/{stream}_*/*/*_order1_*.json")):
        run = read_record(path)
        own = {k: v for name, used in run.method.options.items() for k, v in used.items() if k != "learning_rate"}
        found[f"{run.method.name} {own}"][rate(run)][run.seed] = op(run)
    return found


def rate(run: Record) -> float:
    """The learning rate that a run was trained with."""
    first = run.method.options[run.method.name.partition("+")[0]]
    return first.get("learning_rate") or run.board.protocol["learning_rate"]


def op(run: Record) -> float:
    """The mean of R's last row."""
    value = compute(run.matrix(), registry().summary_specs())[0]["op"]
    assert value is not None, run.run
    return value


def chosen(trials: Scores) -> float:
    """The rate with the highest mean."""
    return max(sorted(trials), key=lambda one: fmean(trials[one].values()))


def selection() -> str:
    """Each method's rate chosen on validation records, and on the test records that are reported."""
    head = ("rate by validation", "OP", "rates by test", "OP", "flattered by")
    lines = [f"| method | {' | '.join(head)} |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for method, trials in sorted(scores("cl-4-mini-eval").items()):
        tried = scores("cl-4-mini")[method]
        assert set(tried) == set(trials), method
        seeds, own = sorted(tried[chosen(trials)]), chosen(trials)
        best = {seed: max(sorted(tried), key=lambda one, seed=seed: tried[one][seed]) for seed in seeds}
        honest, flattered = [tried[own][one] for one in seeds], [tried[best[one]][one] for one in seeds]
        by_test = ", ".join(f"{best[one]:g}" for one in seeds)
        cells = (f"{own:g}", _spread(honest), by_test, _spread(flattered), _interval(flattered, honest))
        lines.append(f"| `{method.partition(' ')[0]}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def promises(stream: str) -> dict[str, Promise]:
    """By method, where the search chose another rate than the protocol's, and both were run on test records."""
    found = {}
    for method, trials in scores(f"{stream}-eval").items():
        tested, best = scores(stream).get(method, {}), chosen(trials)
        others = [one for one in tested if one != best and one in trials]
        if best in tested and len(others) == 1:
            (own,) = others
            kept = [tested[best][one] - tested[own][one] for one in sorted(tested[own]) if one in tested[best]]
            promised = fmean(trials[best].values()) - fmean(trials[own].values())
            found[method] = Promise(promised, fmean(kept))
    return found


def kept() -> str:
    """What the searches of the science plan promised, and what came."""
    head = ("methods", "promised on validation records", "came on test records, other seeds", "flattered by")
    lines = [f"| stream | {' | '.join(head)} |", "| --- | ---: | ---: | ---: | ---: |"]
    found = list(promises("trace-mini").values())
    promised, came = [one.promised for one in found], [one.kept for one in found]
    cells = (str(len(found)), f"{fmean(promised):+.3f}", f"{fmean(came):+.3f}", _interval(promised, came))
    lines.append(f"| trace:mini | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    found = mean_std(values)
    return f"{found.mean:.3f} ± {found.spread:.3f}"


def _interval(values: list[float], baseline: list[float]) -> str:
    found = paired_difference(values, baseline)
    return f"{found.mean:+.3f} ± {found.spread:.3f}"


BLOCKS = {"selection": selection, "promises": kept}


def written(page: str) -> str:
    """The page with its tables as the records say."""
    return filled(page, BLOCKS, by="selection_tables")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {', '.join(BLOCKS)}\n")
