"""Records to boards: a pure function, so that the same records give the same bytes.

"Adding a row" is: write the record, make the board again. Two runs that end at once lose nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.base import atomic
from clbench.base.text import markdown
from clbench.boards.index import Index, identity
from clbench.boards.loading import board_folders, load_entries
from clbench.boards.markdown import BEGIN, replace_block
from clbench.boards.render import board_rows, render
from clbench.boards.style import default_style
from clbench.boards.values import Run
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Board
from clbench.spec.taskfiles import Catalog


def board_text(
    name: str, board: Board, runs: Sequence[Run], *, old: str, summaries: Sequence[SummarySpec], plugins: Any = None
) -> str:
    """A board file's whole new text."""
    style = default_style()
    rows = board_rows(runs, style=style, summaries=summaries)
    own = plugins and plugins.manager.hook.clbench_render_board(board=board.model_dump(mode="json"), rows=rows)
    block = own or render(board, runs, rows=rows, style=style)
    heading = "" if BEGIN in old else f"# {markdown(name)}\n"
    return replace_block(old or heading, block, where=f"{name}.md")


def _orphans(leaderboards: Path) -> list[Path]:
    """Folders that boards without a folder of records would have."""
    found = (leaderboards / "results" / path.stem for path in sorted(leaderboards.glob("*.md")) if _is_board(path))
    return [folder for folder in found if not folder.is_dir()]


def _is_board(path: Path) -> bool:
    """Whether a text was made from records, unlike a README beside it, which may speak of the marks."""
    return path.is_file() and BEGIN in path.read_text(encoding="utf-8", errors="replace").splitlines()


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
    catalog: Catalog | None = None,
    indexed: bool = False,
) -> list[Update]:
    """Make the markdown of all boards (or one) again; with `write` off only tell what is stale.

    Args:
        leaderboards: folder of boards.
        summaries: functions of R.
        board: only this one.
        write: whether files are written.
        plugins: that may render a board.
        catalog: of streams, to tell which tasks a board has.
        indexed: whether a record counts as known by its file's size and times; else by every byte of it.
    """
    updates = []
    code = identity(summaries, default_style().keys)
    for folder in [*board_folders(leaderboards, board=board), *(_orphans(leaderboards) if board is None else ())]:
        with atomic.lock(leaderboards) if write else contextlib.nullcontext():
            index = Index.open(leaderboards, board=folder.name, code=code, thorough=not indexed) if write else Index()
            updates.append(_update_one(folder, leaderboards, index, summaries, write, plugins, catalog))
            index.save()
    return updates


def _update_one(
    folder: Path,
    leaderboards: Path,
    index: Index,
    summaries: Sequence[SummarySpec],
    write: bool,
    plugins: Any,
    catalog: Catalog | None,
) -> Update:
    keys = default_style().keys
    found = load_entries(
        folder, leaderboards=leaderboards, summaries=summaries, keys=keys, index=index, catalog=catalog
    )
    path = leaderboards / f"{folder.name}.md"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if found.board is None:
        orphan = [f"{path}: there is no record for this board; remove it, or restore {folder}"] if BEGIN in old else []
        return Update(path, False, found.problems or orphan)
    new = board_text(folder.name, found.board, found.entries, old=old, summaries=summaries, plugins=plugins)
    if write and new != old:
        atomic.write_text(path, new)
    return Update(path, new != old, found.problems)
