"""Which records of a board count: what can be told of each only beside the others.

A row's n is its number of independent runs. So (method, options, versions, seed, order) is unique: a run that was asked
other probes besides is the same run. A run on other tasks than the board's is none of its runs, and one whose files of
predictions are another's is no further run. Pure; the same records give the same answer in whatever order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clbench.boards.entries import Entry

Names = TypeVar("Names", frozenset[str], tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that does not count.

    Args:
        path: of it.
        reason: a clause; empty where nothing is wrong with it, as it is counted under another name.
    """

    path: str
    reason: str


def admit(entries: Iterable[Entry], *, tasks: frozenset[str] | None = None) -> tuple[list[Entry], list[Refusal]]:
    """Tell the records that count from the others.

    Args:
        entries: of one board.
        tasks: the board's, where they are known; else those of most records.
    """
    kept, refused = sorted(entries, key=lambda one: one.path), []
    for rule in (lambda found: _tasks(found, tasks), _orders, _repeated, _copied):
        wrong = {one.path: one for one in rule(kept)}
        kept = [one for one in kept if one.path not in wrong]
        refused += wrong.values()
    return kept, sorted(refused, key=lambda one: one.path)


def _tasks(entries: Sequence[Entry], tasks: frozenset[str] | None) -> Iterator[Refusal]:
    if not entries:
        return
    board = tasks or _most(frozenset(one.tasks) for one in entries)
    for one in entries:
        missing, other = sorted(board.difference(one.tasks)), sorted(set(one.tasks) - board)
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(other)} not among them"] if other else []
        if said:
            yield Refusal(one.path, f"is not of the board's {len(board)} tasks: {'; '.join(said)}; remove it")


def _orders(entries: Sequence[Entry]) -> Iterator[Refusal]:
    """One name of an order is one order."""
    for members in _grouped(entries, lambda one: one.order):
        known = _most(one.tasks for one in members)
        for one in members:
            if one.tasks != known:
                yield Refusal(one.path, f"has another order of tasks under the name {one.order}; remove it")


def _repeated(entries: Sequence[Entry]) -> Iterator[Refusal]:
    """Several records of one method, seed and order: the one with most probes, else the first, counts."""
    for members in _grouped(entries, lambda one: (*_method(one), one.options, one.seed, one.order)):
        first = min(members, key=lambda one: (one.result != members[0].result, -one.probed, one.path))
        for one in members:
            if one.result != first.result:
                which = f"{one.method.label}, seed {one.seed}, {one.order}"
                yield Refusal(one.path, f"is a second run of {which} with other scores than {first.run}; remove one")
            elif one is not first:
                yield Refusal(one.path, "")


def _copied(entries: Sequence[Entry]) -> Iterator[Refusal]:
    """Two seeds or orders do not change the same answers, file by file; a model that is not trained changes none.

    Where training hardly moves a model some answers change alike by chance, so up to three quarters may.
    """
    for members in _grouped([one for one in entries if one.trained and one.files], _method):
        owners: dict[str, str] = {}
        for one in members:
            files = one.files.split()
            shared = Counter(owners[file] for file in files if file in owners)
            first, number = min(shared.items(), key=lambda pair: (-pair[1], pair[0]), default=("", 0))
            if number == len(files):
                yield Refusal(one.path, f"has the predictions of {first}, so it is no further run; remove it")
            elif 4 * number > 3 * len(files):
                said = f"{number} of the {len(files)} files of predictions that it changed are those of {first}"
                yield Refusal(one.path, f"is no further run: {said}; remove it")
            else:
                for file in files:
                    owners.setdefault(file, one.run)


def _method(one: Entry) -> tuple[Hashable, ...]:
    return one.method.label, tuple(sorted(one.method.packages.items()))


def _grouped(entries: Iterable[Entry], key: Callable[[Entry], Hashable]) -> Iterable[list[Entry]]:
    groups: dict[Hashable, list[Entry]] = {}
    for one in entries:
        groups.setdefault(key(one), []).append(one)
    return groups.values()


def _most(values: Iterable[Names]) -> Names:
    """The commonest; of several the largest, then the first."""
    counted = Counter(values)
    return min(counted, key=lambda one: (-counted[one], -len(one), sorted(one), tuple(one)))
