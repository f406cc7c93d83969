"""How the records of a stream were made, as their provenance and the plan say: when, where, by what, with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from clbench.base.text import markdown
from clbench.metrics.statistics import mean_std
from clbench.report.study.evidence import Evidence
from clbench.report.study.tables import NAMES, base_op, trials_table
from clbench.runs.record import Record

TOLD = 5  # problems that are named


def made(evidence: Evidence) -> Iterator[str]:
    """Lines on runs, machine and conditions; what was left out; the search and its choices."""
    yield "\n".join(
        f"- {one}"
        for one in (_runs(evidence), *_where(evidence), *_unlike(evidence), _conditions(evidence), *_base(evidence))
    )
    if evidence.problems:
        told = "\n".join(f"- {markdown(one)}" for one in evidence.problems[:TOLD])
        number = len(evidence.problems)
        yield f"Records that were left out: {number} (`clbench leaderboard --check` names all):\n\n{told}"
    if evidence.search and evidence.trials:
        yield _searched(evidence)
        yield trials_table(evidence, pick=evidence.search.pick)
        yield _at_edges(evidence)


def _runs(evidence: Evidence) -> str:
    methods = {evidence.name(run) for run in evidence.runs}
    orders = {run.order for run in evidence.runs}
    trials = f", after {len(evidence.trials)} trials on validation records" if evidence.trials else ""
    others = f"; {evidence.others} other runs, that the plan does not ask for, are left out" if evidence.others else ""
    return (
        f"{len(evidence.runs)} runs of {len(methods)} methods, seeds {_numbers(run.seed for run in evidence.runs)}, "
        f"{markdown(', '.join(sorted(orders)))}{trials}; board `{evidence.board.name}`{others}"
    )


def _where(evidence: Evidence) -> Iterator[str]:
    """What provenance says, each different value once."""
    runs = [*evidence.runs, *evidence.trials]
    days = sorted(set(_said(runs, "date")))
    hours = sum(run.costs.train_seconds + run.costs.eval_seconds for run in runs) / 3600
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) + ", " if days else ""
    yield f"{when}{hours:.1f} hours of training and scoring, one run after the other, on {_machine(runs)}"
    versions = [_versions(run.provenance) for run in runs if run.provenance]
    commits = [str(one)[:7] for one in _said(runs, "commit")]
    if versions:
        at = f", at commit {_all(commits)}" if commits else ""
        yield f"{'; '.join(dict.fromkeys(versions))}{at}"


def _machine(runs: Sequence[Record]) -> str:
    """Each machine once; of several, how many runs each one made."""
    made: Counter[str] = Counter()
    for run in runs:
        platform = run.provenance.get("platform", "a machine")
        told = [", ".join(f"{key} {value}".replace("_", " ") for key, value in one.items()) for one in _arithmetic(run)]
        places = [f"{run.costs.device}, {platform} ({one})" for one in told] or [run.costs.device]
        made.update(set(places))
    return _all(made if len(made) == 1 else (f"{place}: {number} runs" for place, number in sorted(made.items())))


def _arithmetic(run: Record) -> list[Mapping[str, Any]]:
    """What its rounding depended on: at its beginning, and wherever it was taken up."""
    later = run.provenance.get("taken_up_with")
    found = [run.provenance.get("arithmetic"), *(later if isinstance(later, Sequence) else ())]
    return [one for one in found if isinstance(one, Mapping)]


def _unlike(evidence: Evidence) -> Iterator[str]:
    """Where methods are compared that did not run on the same kind of processor."""
    met: dict[tuple[str, int, str], set[str]] = {}
    for run in (*evidence.runs, *evidence.trials):
        if run.method.regime != "frozen":
            kinds = {str(one.get("cpu_capability")) for one in _arithmetic(run)}
            met.setdefault((run.board.split, run.seed, run.order), set()).update(kinds)
    mixed = [found for found in met.values() if len(found) > 1]
    if mixed:
        yield (
            f"on {len(mixed)} of {len(met)} seeds and orders, methods were run on processors with unlike instructions "
            f"({', '.join(sorted(set().union(*mixed)))}), so their differences are not the methods' alone there"
        )


def _versions(provenance: Mapping[str, Any]) -> str:
    packages = provenance.get("packages")
    named = {"clbench": provenance.get("clbench"), "Python": provenance.get("python")}
    named |= {name: packages.get(name) for name in ("torch", "transformers")} if isinstance(packages, Mapping) else {}
    return markdown(", ".join(f"{name} {version}" for name, version in named.items() if version))


def _conditions(evidence: Evidence) -> str:
    board = evidence.board
    counts = {"training": board.train_examples, "test": board.test_examples}
    capped = ", ".join(
        f"at most {number} {name} records a task" for name, number in counts.items() if number is not None
    )
    changed = ", ".join(f"{key}={value}" for key, value in sorted(board.changes.items()))
    parts = [f"protocol {board.protocol['name']}", *([f"with {changed}"] if changed else []), capped]
    return markdown(f"{', '.join(part for part in parts if part)}; base model {board.model['name']}")


def _base(evidence: Evidence) -> Iterator[str]:
    """The untouched model, which OP does not punish for learning nothing."""
    found = [value for run in evidence.runs if (value := base_op(run)) is not None]
    if not found:
        return
    one = mean_std(found)
    if max(found) - min(found) < 5e-4:
        yield f"OP of the untouched model is {one.mean:.3f} in every run, so differences of OP − base are those of OP"
    else:
        yield f"OP of the untouched model is {min(found):.3f} to {max(found):.3f}"


def _searched(evidence: Evidence) -> str:
    search = evidence.search
    assert search is not None
    number = _numbers(len(trials) for trials in evidence.searched.values())
    floor = "".join(f", with {name} of at least {least:g}" for name, least in search.floor.items())
    pick = NAMES.get(search.pick, search.pick)
    return (
        f"Rates were searched on validation records, seed {_numbers(run.seed for run in evidence.trials)}: {number} "
        f"trials for each method, of which the best {pick}{floor} was chosen (bold). {pick} of the trials, by "
        "learning rate:"
    )


def _at_edges(evidence: Evidence) -> str:
    """Where a search may have ended too early."""
    chosen = {name: set(choice.edges.values()) for name, choice in sorted(evidence.choices.items()) if choice}
    sides = ("lowest", "highest")
    found = {side: ", ".join(f"`{name}`" for name, edges in chosen.items() if side in edges) for side in sides}
    told = "; ".join(f"the {side} for {names}" for side, names in found.items() if names)
    return f"At the edge of what was tried, so that a rate beyond it may do better: {told}." if told else ""


def _said(runs: Iterable[Record], key: str) -> list[str]:
    return [str(run.provenance[key]) for run in runs if run.provenance.get(key)]


def _all(values: Iterable[str]) -> str:
    return markdown("; ".join(dict.fromkeys(values))) or "an unnamed machine"


def _numbers(values: Iterable[int]) -> str:
    """`0–4` for a run of numbers, else each of them."""
    found = sorted(set(values))
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}–{found[-1]}"
    return ", ".join(map(str, found))
