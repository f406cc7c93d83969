"""The records of one stream of a plan: runs that are reported, trials that settings were chosen by, and the choice.

A plan is not prepared for it: its boards are found by their stream, so that records tell the same after data, code or
plan have changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.base.errors import RecordError, RunError
from clbench.boards.entries import ranking
from clbench.boards.loading import Loaded, board_folders, load_board
from clbench.boards.values import Row, Values, rows_of
from clbench.metrics.summaries import SummarySpec
from clbench.plans.choosing import Choice, Scored, choose, scored
from clbench.report.study.asked import asked_for, is_one, streams_of
from clbench.runs.record import Board, Record, read_record
from clbench.spec.plan import Methods, PlanFile, Search
from clbench.spec.taskfiles import read_yaml


@dataclass(frozen=True)
class Evidence:
    """What there is of one stream.

    Args:
        stream: as the plan says it.
        board: what the reported runs have in common.
        runs: that are reported.
        summaries: functions of R.
        trials: runs on validation records.
        search: how settings are chosen, where they are.
        problems: what is wrong with records that were left out.
        named: methods that the plan calls by names of their own.
        others: how many runs of these boards the plan does not ask for.
    """

    stream: str
    board: Board
    runs: Sequence[Record]
    summaries: Sequence[SummarySpec]
    trials: Sequence[Record] = ()
    search: Search | None = None
    problems: Sequence[str] = ()
    named: Sequence[Methods] = ()
    others: int = 0

    def name(self, record: Record) -> str:
        """What a run's method is called here."""
        return next((str(one.name) for one in self.named if is_one(one, record)), record.method.name)

    def by_name(self, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """A method's rows: with other options, other versions."""
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(self.name(first(row)), []).append(row)
        return found

    @cached_property
    def values(self) -> Values:
        """Numbers of the reported runs."""
        return Values(self.summaries, self.runs)

    @cached_property
    def rows(self) -> list[Row]:
        """Of the board."""
        return [self._called(row) for row in rows_of(self.runs)]

    def _called(self, row: Row) -> Row:
        """A row whose name says what its options say, but for the learning rate."""
        name, rate = self.name(first(row)), own_rate(first(row).method.options)
        if name == first(row).method.name:
            return row
        return dataclasses.replace(row, label=name if rate is None else f"{name} (learning_rate={rate:g})")

    @cached_property
    def orders(self) -> list[str]:
        """Of the tasks; that of most runs first."""
        counts = Counter(run.order for run in self.runs)
        return sorted(counts, key=lambda order: (-counts[order], order))

    @cached_property
    def searched(self) -> dict[str, list[Scored]]:
        """What each method's trials came to, by learning rate."""
        if self.search is None:
            return {}
        rows = self.by_name(rows_of(self.trials))
        return {name: _scored(found, self.search, self.summaries) for name, found in rows.items()}

    @cached_property
    def choices(self) -> dict[str, Choice | None]:
        """What the search chose for each method that was searched; None where no trial keeps its rule."""
        if self.search is None:
            return {}
        return {name: _choice(name, found, self.search, self.summaries) for name, found in self.searched.items()}

    @property
    def rate(self) -> float:
        """The protocol's learning rate."""
        return float(self.board.protocol["learning_rate"])


def gather(
    leaderboards: Path, plan: PlanFile, *, summaries: Sequence[SummarySpec], boards: Sequence[str] = ()
) -> list[Evidence]:
    """The records of a plan, stream by stream; of a stream without any there is nothing.

    Args:
        leaderboards: folder of boards.
        plan: whose streams are looked for.
        summaries: functions of R.
        boards: names of those to take, where a stream has several.

    Raises:
        RecordError: no stream has a board, or one has several.
    """
    heads = {one.name: head for one in board_folders(leaderboards) if (head := _head(one))}
    for name in boards:
        if name not in heads:
            raise RecordError(f"--board {name}: there is {', '.join(heads) or 'none'} in {leaderboards}")
    found = []
    for stream in streams_of(plan):
        here = {name: head for name, head in heads.items() if _is_of(head, stream)}
        name = _only(stream, [name for name, head in here.items() if head.split == "test"], boards)
        if name is None:
            continue
        tried = [other for other, head in here.items() if head.split == "eval" and head.model == here[name].model]
        trials = _only(f"{stream} (validation)", tried, boards) if plan.search else None
        loaded = [_loaded(leaderboards, one) for one in (name, trials)]
        runs, searched = ([run for run in one.records if asked_for(plan, stream, run)] for one in loaded)
        if not runs:
            continue
        named = [one for one in plan.methods if one.name and streams_of(plan, [one]) == [stream]]
        found.append(
            Evidence(
                stream,
                here[name],
                runs,
                summaries,
                trials=searched,
                search=plan.search,
                problems=[problem for one in loaded for problem in one.problems],
                named=named,
                others=sum(len(one.records) for one in loaded) - len(runs) - len(searched),
            )
        )
    if not found:
        raise RecordError(f"no record of plan {plan.plan} in {leaderboards}; clbench run PLAN makes them")
    return found


def records(row: Row) -> list[Record]:
    """A row's runs, whose records are all here."""
    return [run for run in row.records if isinstance(run, Record)]


def first(row: Row) -> Record:
    """One of a row's records; all of them have the same options."""
    return records(row)[0]


def rate_of(record: Record) -> float:
    """The learning rate that a run had."""
    return own_rate(record.method.options) or float(record.board.protocol["learning_rate"])


def own_rate(options: Mapping[str, Any]) -> float | None:
    """The learning rate that was given as an option of the method, or of a member of `a+b`."""
    said = [own.get("learning_rate") for own in options.values() if isinstance(own, Mapping)]
    return next((float(one) for one in said if isinstance(one, int | float)), None)


def _scored(rows: Sequence[Row], search: Search, summaries: Sequence[SummarySpec]) -> list[Scored]:
    found = []
    for row in sorted(rows, key=lambda row: (rate_of(first(row)), row.label)):
        matrices = [run.matrix(ranking(run)) for run in records(row)]
        found.append(scored(first(row).method.options, matrices, search, summaries))
    return found


def _choice(name: str, trials: Sequence[Scored], search: Search, summaries: Sequence[SummarySpec]) -> Choice | None:
    try:
        return choose(name, trials, search, summaries)
    except RunError:
        return None


def _head(folder: Path) -> Board | None:
    """What the runs of a folder have in common, by the first record that can be read."""
    for path in sorted(folder.rglob("*.json")):
        with contextlib.suppress(RecordError):  # which is told with the board's others
            return read_record(path).board
    return None


def _is_of(board: Board, stream: str) -> bool:
    """Whether a board is of a stream as a plan says it: `trace`, `trace:mini`, `mine.yaml`, `mine.yaml:files`."""
    name, _, variant = stream.partition(":")
    if name.endswith((".yaml", ".yml")):
        name = str(read_yaml(Path(name)).data.get("stream"))
    return board.stream == name and (not variant or board.variant == variant)


def _only(what: str, names: Sequence[str], chosen: Sequence[str]) -> str | None:
    found = [name for name in names if name in chosen] or list(names)
    if len(found) > 1:
        raise RecordError(f"{what} has {len(found)} boards: {', '.join(found)}; choose one by --board")
    return found[0] if found else None


def _loaded(leaderboards: Path, name: str | None) -> Loaded:
    return Loaded([], []) if name is None else load_board(leaderboards / "results" / name, leaderboards=leaderboards)
