"""The README's tables of runs, from the records in the repository: `python tests/readme_tables.py` writes them.

Each stands between a line that names it and the line at its end.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import tabulate
from pages import filled

from clbench.metrics.summaries import compute
from clbench.plugins.registry import registry
from clbench.runs.record import Record, read_record

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "README.md"
PROBES = ("probes/facts", "probes/skills", "probes/text")


@cache
def records(stream: str, method: str) -> tuple[Record, ...]:
    """A method's runs of the default order on the board of a stream's test records, by seed."""
    found = [
        read_record(path) for path in sorted(ROOT.glob(f"leaderboards/results/{stream}_*/{method}/*_order1_*.json"))
    ]
    return tuple(sorted(found, key=lambda one: one.seed))


def first(stream: str, method: str) -> Record:
    """The run of seed 0 whose options are the method's own.

    Raises:
        LookupError: there is none, or there are several.
    """
    plain = [one for one in records(stream, method) if one.seed == 0 and one.method.label == method]
    if len(plain) != 1:
        raise LookupError(f"{len(plain)} records of {method} on {stream}, seed 0, without options")
    return plain[0]


def matrix() -> str:
    """R of sequential fine-tuning, as the command prints it."""
    shown = first("trace-mini", "sequential")
    names = [name.rpartition("/")[2] for name in (*shown.tasks, *PROBES)]
    after = ["base", *(f"{place} {name}" for place, name in enumerate(names[: len(shown.tasks)], 1))]
    rows = [
        [label, *row, *(shown.probes[probe][place] for probe in PROBES)]
        for place, (label, row) in enumerate(zip(after, shown.scores["strict"], strict=True))
    ]
    look = {"tablefmt": "plain", "floatfmt": ".3f", "disable_numparse": [0]}
    table = _narrow(rows, headers=["after", *names], **look)
    return f"```text\nR of {shown.method.label} (strict), seed {shown.seed}, {shown.order}\n{table}\n```"


def _narrow(rows: list[list[object]], **look: Any) -> str:
    """A table whose columns are as narrow as they can be."""
    before, tabulate.MIN_PADDING = tabulate.MIN_PADDING, 0
    try:
        return tabulate.tabulate(rows, **look)
    finally:
        tabulate.MIN_PADDING = before


def summaries() -> str:
    """OP, BWT and what was kept."""
    columns = {"OP ↑": "op", "BWT (gem) ↑": "bwt.gem", "learning accuracy ↑": "learning_accuracy"}
    columns |= {"facts retained ↑": "retention.facts"}
    lines = [f"| seed 0 | {' | '.join(columns)} |", "| --- " * (1 + len(columns)) + "|"]
    for method in ("sequential", "mofo"):
        values = compute(first("trace-mini", method).matrix(), registry().summary_specs())[0]
        lines.append(f"| {method} | {' | '.join(f'{values[name]:+.4f}' for name in columns.values())} |")
    return "\n".join(lines)


def problems() -> str:
    """What is learned of word problems, and what of the rest is lost, each method at the rate that its search chose."""
    head = ("word problems ↑", "facts", "skills", "text loss ↓", "ΔGA ↑")
    lines = [f"| `mini`, seeds 0 to 4 | {' | '.join(head)} |", "| --- " * (1 + len(head)) + "|"]
    (base,) = {tuple(_scores(one, 0)) for one in records("metamathqa-mini", "sequential")}
    lines.append(f"| base | {' | '.join(f'{value:.3f}' for value in base)} | |")
    for method in ("sequential", "hft", "mofo", "lora", "loramoe"):
        runs = records("metamathqa-mini", method)
        assert [one.seed for one in runs] == list(range(5)), method
        each = [(*_scores(one, 1), one.probe_changes["general-ability"].value) for one in runs]
        cells = (f"{fmean(values):.3f} ± {stdev(values):.3f}" for values in zip(*each, strict=True))
        lines.append(f"| {runs[0].method.label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _scores(run: Record, row: int) -> tuple[float, ...]:
    found = (run.scores["strict"][row][0], *(run.probes[probe][row] for probe in PROBES))
    return tuple(value for value in found if value is not None)


BLOCKS = {"R": matrix, "seed 0": summaries, "word problems": problems}


def written(page: str) -> str:
    """The page with its tables as the records say."""
    return filled(page, BLOCKS, by="readme_tables")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {', '.join(BLOCKS)}\n")
