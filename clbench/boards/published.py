"""Numbers that papers print, for reference: a table of their own, on no board and never ranked with rows of one."""

from __future__ import annotations

from clbench.base.home import packaged
from clbench.spec.task import Frozen
from clbench.spec.taskfiles import build, read_yaml


class PublishedRow(Frozen):
    """One row of a paper's table; numbers on 0–100, as printed.

    Args:
        method: in the paper's words.
        model: likewise.
        op: score at the end.
        bwt: change of what was learned, `bwt.gem`.
        change: of general ability, in points.
    """

    method: str
    model: str
    op: float
    bwt: float | None = None
    change: float | None = None


class PublishedTable(Frozen):
    """A paper's table.

    Args:
        name: of it.
        source: the paper, and what it was measured on.
        rows: in the paper's order.
    """

    name: str
    source: str
    rows: tuple[PublishedRow, ...]


class Published(Frozen):
    """All of them: see `leaderboards/boards/published.yaml`."""

    tables: tuple[PublishedTable, ...]


def published() -> tuple[PublishedTable, ...]:
    """The packaged tables."""
    return build(Published, read_yaml(packaged("leaderboards/boards") / "published.yaml")).tables
