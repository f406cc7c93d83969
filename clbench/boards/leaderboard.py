"""Records to boards: a pure function, so that the same records give the same bytes.

"Adding a row" is: write the record, make the board again. Two runs that end at once lose nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from clbench.base import atomic
from clbench.base.errors import MatrixError, RecordError
from clbench.base.hashing import digest
from clbench.base.home import packaged
from clbench.boards.consistency import contradictions
from clbench.boards.markdown import BEGIN, escape, replace_block, table
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.statistics import Estimate, mean_std, paired_difference
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Board, Record, read_record
from clbench.spec.task import Frozen
from clbench.spec.taskfiles import build, read_yaml

BOUNDS = ("frozen", "single", "joint")


class Column(Frozen):
    """One column: see `leaderboards/boards/default.yaml`."""

    key: str
    heading: str


class BoardStyle(Frozen):
    """How boards are shown.

    Args:
        rank_by: summary that rows are sorted by.
        baseline: method that `vs.` columns are paired with.
        columns: in their order.
    """

    rank_by: str = "op"
    baseline: str = "sequential"
    columns: tuple[Column, ...] = Field(min_length=1)


def default_style() -> BoardStyle:
    """The packaged style."""
    return build(BoardStyle, read_yaml(packaged("leaderboards/boards") / "default.yaml"))


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one method with one set of options and one version.

    Args:
        label: the method's.
        packages: name to version.
        records: its runs, by seed and order.
    """

    label: str
    packages: Mapping[str, str]
    records: tuple[Record, ...]


def rows_of(records: Sequence[Record]) -> list[Row]:
    """Runs grouped into rows."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.order, record.seed, record.run)):
        groups.setdefault((record.method.label, str(sorted(record.method.packages.items()))), []).append(record)
    return [Row(label, members[0].method.packages, tuple(members)) for (label, _), members in sorted(groups.items())]


class Values:
    """Numbers of records by column key; what cannot be computed is None.

    Args:
        summaries: functions of R.
        records: of the board, among which the bounds `single` and `joint` are looked for.
    """

    def __init__(self, summaries: Sequence[SummarySpec], records: Sequence[Record] = ()) -> None:
        self.summaries = {spec.name: spec for spec in summaries}
        self.bounds: dict[tuple[int, str], dict[str, tuple[float, ...]]] = {}
        for record in records:
            if record.method.label in ("single", "joint"):
                last = record.matrix(record.board.protocol["scorer"]).rows[-1]
                if None not in last:
                    paired = self.bounds.setdefault((record.seed, record.order), {})
                    paired[record.method.label] = tuple(value for value in last if value is not None)

    def of(self, record: Record, key: str) -> float | None:
        """One record's number under `op`, `lenient.op`, `cost.steps`, `footprint.extra_parameters`."""
        family, _, rest = key.partition(".")
        if family == "cost":
            return float(getattr(record.costs, rest))
        if family == "footprint":
            return float(getattr(record.footprint, rest))
        if family == "drift":
            value = record.drift.get(rest)
            return value if isinstance(value, int | float) else None
        if family == "lenient":
            return self._summary(record.matrix("lenient"), rest) if "lenient" in record.scores else None
        matrix = record.matrix(record.board.protocol["scorer"])
        return self._summary(replace(matrix, bounds=self.bounds.get((record.seed, record.order), {})), key)

    def _summary(self, matrix: ResultMatrix, name: str) -> float | None:
        try:
            return self.summaries[name].of(matrix)
        except MatrixError:
            return None

    def estimate(self, row: Row, key: str, *, baseline: Row | None) -> Estimate | None:
        """A row's number: a mean over its runs, or for `vs.` a paired difference from the baseline's runs."""
        if key.startswith("vs."):
            return self._versus(row, key.removeprefix("vs."), baseline)
        values = [value for record in row.records if (value := self.of(record, key)) is not None]
        return mean_std(values) if values else None

    def _versus(self, row: Row, key: str, baseline: Row | None) -> Estimate | None:
        if baseline is None or row is baseline:
            return None
        bases = {(one.seed, one.order): self.of(one, key) for one in baseline.records}
        pairs = [
            (value, base)
            for one in row.records
            if (value := self.of(one, key)) is not None and (base := bases.get((one.seed, one.order))) is not None
        ]
        return paired_difference(*zip(*pairs, strict=True)) if pairs else None


def board_rows(
    records: Sequence[Record], *, style: BoardStyle, summaries: Sequence[SummarySpec]
) -> list[dict[str, str]]:
    """The finished cells of a board, best row first: heading to text. Before them, the bounds that were run."""
    values = Values(summaries, records)
    rows = rows_of(records)
    baseline = _baseline(rows, style.baseline)
    scored = [(values.estimate(row, style.rank_by, baseline=baseline), row) for row in rows]
    scored.sort(key=lambda pair: (pair[0] is None, -(pair[0].mean if pair[0] else 0.0), pair[1].label))
    bounds = {row.label: estimate for estimate, row in scored if row.label in BOUNDS and estimate}
    finished = [
        {
            "Method": escape(row.label),
            "n": str(len(row.records)),
            **{one.heading: cell(one.key, values.estimate(row, one.key, baseline=baseline)) for one in style.columns},
            "Package": escape(", ".join(f"{name} {version}" for name, version in sorted(row.packages.items()))),
        }
        for _, row in scored
    ]
    return [_bounds_row(bounds, style=style), *finished] if bounds else finished


def _baseline(rows: Sequence[Row], name: str) -> Row | None:
    """The row that differences are taken from: the method with default options, else its only row."""
    plain = [row for row in rows if row.label == name]
    named = [row for row in rows if row.records[0].method.name == name]
    return plain[-1] if plain else named[0] if len(named) == 1 else None


def _bounds_row(bounds: Mapping[str, Estimate], *, style: BoardStyle) -> dict[str, str]:
    """What lies below and above everything else: the untouched model, a model a task, all tasks at once."""
    shown = ", ".join(f"{name} {cell(style.rank_by, bounds[name])}" for name in BOUNDS if name in bounds)
    cells = {one.heading: shown if one.key == style.rank_by else "–" for one in style.columns}
    return {"Method": "bounds", "n": "–", **cells, "Package": "–"}


def cell(key: str, estimate: Estimate | None) -> str:
    """A number as text: 3 decimals for scores, ± where there are several runs, `–` where there is none."""
    if estimate is None:
        return "–"
    family = key.partition(".")[0]
    if family in ("cost", "footprint"):
        return _amount(key, estimate.mean)
    signed = "+.3f" if family == "vs" else ".3f"
    spread = "" if estimate.spread is None else f" ± {estimate.spread:.3f}"
    return f"{estimate.mean:{signed}}{spread}"


def _amount(key: str, value: float) -> str:
    if key.endswith("_bytes"):
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size:
                return f"{value / size:.1f} {unit}"
        return f"{value:.0f} B"
    if key.endswith(("_seconds", "extra_passes")):
        return f"{value:.1f}"
    return f"{value:,.0f}"


def render(board: Board, records: Sequence[Record], *, style: BoardStyle, summaries: Sequence[SummarySpec]) -> str:
    """Markdown of one board, without its markers."""
    rows = board_rows(records, style=style, summaries=summaries)
    costs = {one.heading for one in style.columns if one.key.partition(".")[0] in ("cost", "footprint", "drift")}
    results = [name for name in rows[0] if name not in costs and _is_shown(rows, name)]
    lines = [describe(board), "", _table(rows, results), "", "Costs, footprint, drift (means over the same runs):", ""]
    lines += [_table(rows, ["Method", *(name for name in rows[0] if name in costs)]), ""]
    notes = sorted({f"- {escape(note)}" for record in records for note in _board_notes(record)})
    return "\n".join([*lines, *notes]).rstrip()


def _is_shown(rows: Sequence[Mapping[str, str]], heading: str) -> bool:
    """A column that no row has a number for is left out."""
    return any(row[heading] != "–" for row in rows)


def _table(rows: Sequence[Mapping[str, str]], headings: Sequence[str]) -> str:
    numeric = [heading not in ("Method", "Package") for heading in headings]
    return table(headings, [[row[heading] for heading in headings] for row in rows], numeric=numeric)


def _probes(board: Board) -> dict[str, str]:
    """What was scored and never trained on, with a hash of what was asked."""
    names = ", ".join(f"{name} ({identity[:8]})" for name, identity in sorted(board.probes.items()))
    return {"Probes": names} if names else {}


def describe(board: Board) -> str:
    """What the runs of a board have in common, in words."""
    protocol = board.protocol
    stream = board.stream if board.variant == "files" else f"{board.stream}, variant {board.variant}"
    changed = ", ".join(f"{key}={value}" for key, value in sorted(board.changes.items()))
    parts = {
        "Stream": f"{stream} (data {board.data[:8]}, tasks {board.tasks[:8]})",
        "Protocol": f"{protocol['name']}{' with ' + changed if changed else ''}",
        "Base model": f"{board.model['name']} ({board.model['hash'][:8]})",
        **_probes(board),
        "Scorers": f"version {board.scorer_version}; ranked by {protocol['scorer']} scores, 0–1",
        "Spread": "± is the sample standard deviation over n runs; for differences the 95 % t-interval of pairs",
    }
    return "\n".join(f"- {name}: {escape(text)}" for name, text in parts.items())


def _board_notes(record: Record) -> list[str]:
    return [message for message in record.warnings if message.startswith(record.board.model["name"])]


# --- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loaded:
    """The records of one board's folder, and what is wrong with the others."""

    records: list[Record]
    problems: list[str]


def load_board(folder: Path, *, leaderboards: Path) -> Loaded:
    """Read a board's records; each must lie where its content says, fit together, and be no copy of another."""
    records, problems = [], []
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            record = read_record(path)
        except RecordError as error:
            problems.append(str(error))
            continue
        if record.path(leaderboards) != path:
            problems.append(f"{path}: belongs at {record.path(leaderboards)}; move it there, or restore its content")
            continue
        if wrong := contradictions(record):
            problems.append(f"{path}: contradicts itself: {'; '.join(wrong)}; restore its content, or remove it")
            continue
        first = seen.setdefault(_content(record), path)
        if first != path:
            problems.append(f"{path}: has the predictions of {first.stem}, so it is no further run; remove it")
            continue
        records.append(record)
    return Loaded(records, problems)


def _content(record: Record) -> str:
    """What no second run of a method has that trains: its predictions."""
    if not record.predictions or record.method.regime == "frozen":
        return record.run
    return digest([record.method.label, record.method.packages, record.tasks, record.predictions])


def board_text(name: str, loaded: Loaded, *, old: str, summaries: Sequence[SummarySpec], plugins: Any = None) -> str:
    """A board file's whole new text."""
    board = loaded.records[0].board
    style = default_style()
    rows = board_rows(loaded.records, style=style, summaries=summaries) if plugins else []
    own = plugins and plugins.manager.hook.clbench_render_board(board=board.model_dump(mode="json"), rows=rows)
    block = own or render(board, loaded.records, style=style, summaries=summaries)
    heading = "" if BEGIN in old else f"# {escape(name)}\n"
    return replace_block(old or heading, block, where=f"{name}.md")


def _orphans(leaderboards: Path) -> list[Path]:
    """Folders that boards without a folder of records would have."""
    found = (leaderboards / "results" / path.stem for path in sorted(leaderboards.glob("*.md")) if _is_board(path))
    return [folder for folder in found if not folder.is_dir()]


def _is_board(path: Path) -> bool:
    """Whether a text was made from records, unlike a README beside it."""
    return path.is_file() and BEGIN in path.read_text(encoding="utf-8", errors="replace")


def board_folders(leaderboards: Path, *, board: str | None = None) -> list[Path]:
    """Folders of records."""
    found = sorted(path for path in (leaderboards / "results").glob("*") if path.is_dir())
    if board is None:
        return found
    chosen = [path for path in found if path.name == board]
    if not chosen:
        raise RecordError(
            f"no board {board!r} in {leaderboards}; there is {', '.join(path.name for path in found) or 'none'}"
        )
    return chosen


@dataclass(frozen=True, slots=True)
class Update:
    """What became of one board.

    Args:
        path: of the markdown.
        stale: whether it was not what its records say.
        problems: invalid records, which were left out; or that there is no record at all.
    """

    path: Path
    stale: bool
    problems: list[str]


def update(
    leaderboards: Path,
    *,
    summaries: Sequence[SummarySpec],
    board: str | None = None,
    write: bool = True,
    plugins: Any = None,
) -> list[Update]:
    """Make the markdown of all boards (or one) again; with `write` off only tell what is stale."""
    updates = []
    for folder in [*board_folders(leaderboards, board=board), *(_orphans(leaderboards) if board is None else ())]:
        with atomic.lock(leaderboards) if write else contextlib.nullcontext():
            updates.append(_update_one(folder, leaderboards, summaries=summaries, write=write, plugins=plugins))
    return updates


def _update_one(
    folder: Path, leaderboards: Path, *, summaries: Sequence[SummarySpec], write: bool, plugins: Any
) -> Update:
    loaded = load_board(folder, leaderboards=leaderboards)
    path = leaderboards / f"{folder.name}.md"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not loaded.records:
        orphan = [f"{path}: there is no record for this board; remove it, or restore {folder}"] if BEGIN in old else []
        return Update(path, False, loaded.problems or orphan)
    new = board_text(folder.name, loaded, old=old, summaries=summaries, plugins=plugins)
    if write and new != old:
        atomic.write_text(path, new)
    return Update(path, new != old, loaded.problems)
