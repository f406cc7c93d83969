"""Records to boards: a pure function, so that the same records give the same bytes.

"Adding a row" is: write the record, make the board again. Two runs that end at once lose nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import atomic
from clbench.base.forked import mapped
from clbench.base.text import markdown
from clbench.boards.index import Index, identity
from clbench.boards.loading import Found, board_folders, load_boards
from clbench.boards.markdown import BEGIN, replace_block
from clbench.boards.render import board_rows, render
from clbench.boards.style import default_style
from clbench.boards.values import Run
from clbench.metrics.summaries import SummarySpec
from clbench.runs.record import Board

if TYPE_CHECKING:
    from clbench.spec.taskfiles import Catalog

_WORTH_A_PROCESS = 3  # boards, whose tables are made


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
    catalog: Callable[[], Catalog] | None = None,
    indexed: bool = False,
) -> list[Update]:
    """Make the markdown of all boards (or one) again; with `write` off only tell what is stale.

    Args:
        leaderboards: folder of boards.
        summaries: functions of R.
        board: only this one.
        write: whether files are written.
        plugins: that may render a board.
        catalog: makes one of streams, to tell which tasks a board has.
        indexed: whether a record counts as known by its file's size and times; else by every byte of it.
    """
    keys = default_style().keys
    code = identity(summaries, keys)
    folders = [*board_folders(leaderboards, board=board), *(_orphans(leaderboards) if board is None else ())]
    with atomic.lock(leaderboards) if write and folders else contextlib.nullcontext():
        indexes = [
            Index.open(leaderboards, board=one.name, code=code, thorough=not indexed) if write else Index()
            for one in folders
        ]
        boards = list(zip(folders, indexes, strict=True))
        found = load_boards(boards, leaderboards=leaderboards, summaries=summaries, keys=keys, catalog=catalog)
        pairs = list(zip(folders, found, strict=True))
        texts = mapped(lambda pair: _text(*pair, leaderboards, summaries, plugins), pairs, least=_WORTH_A_PROCESS)
        updates = [
            _update_one(leaderboards / f"{folder.name}.md", folder, one.problems, new=text, write=write)
            for (folder, one), text in zip(pairs, texts, strict=True)
        ]
        for one in indexes:
            one.save()
    return updates


def _text(
    folder: Path, found: Found, leaderboards: Path, summaries: Sequence[SummarySpec], plugins: Any
) -> tuple[str, str] | None:
    """A board's file as it is, and as it should be; None of a board without records."""
    if found.board is None:
        return None
    old = _read(leaderboards / f"{folder.name}.md")
    return old, board_text(folder.name, found.board, found.entries, old=old, summaries=summaries, plugins=plugins)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _update_one(path: Path, folder: Path, problems: list[str], *, new: tuple[str, str] | None, write: bool) -> Update:
    if new is None:
        orphan = f"{path}: there is no record for this board; remove it, or restore {folder}"
        return Update(path, False, problems or ([orphan] if BEGIN in _read(path) else []))
    old, text = new
    if write and text != old:
        atomic.write_text(path, text)
    return Update(path, text != old, problems)
