"""A hook of MkDocs: the site's first page has the boards, made of the records of `leaderboards/` when it is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MARK = "<!-- boards -->"
NONE = """There is no record here yet, so there is no board. Two runs of some minutes, without GPU or network, make one:

```bash
clbench run --stream trace:mini --plugin sequential --plugin mofo
clbench leaderboard --format md
```
"""


def boards(leaderboards: Path) -> str:
    """Every board as markdown, or how the first one is made.

    Args:
        leaderboards: folder of records.
    """
    from clbench.boards.loading import board_folders, load_board
    from clbench.boards.style import default_style
    from clbench.boards.tables import as_markdown, board_table
    from clbench.plugins.registry import registry

    shown = {"style": default_style(), "summaries": registry().summary_specs()}
    found = [(one.name, load_board(one, leaderboards=leaderboards).records) for one in board_folders(leaderboards)]
    parts = [f"## {name}\n\n{as_markdown(board_table(name, runs, **shown))}" for name, runs in found if runs]
    return "\n".join(parts) or NONE


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Called by MkDocs for every page."""
    folder = Path(config.config_file_path).parent / config.extra["leaderboards"]
    return markdown.replace(MARK, boards(folder)) if MARK in markdown else markdown
