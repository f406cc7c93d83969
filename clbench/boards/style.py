"""How boards are shown: which columns there are, and by which of them rows are ranked."""

from __future__ import annotations

from pydantic import Field

from clbench.base.home import packaged
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

    @property
    def keys(self) -> tuple[str, ...]:
        """What has to be known of each run, without the differences that are made of it."""
        return tuple(dict.fromkeys(key.removeprefix("vs.") for key in (self.rank_by, *(c.key for c in self.columns))))


def default_style() -> BoardStyle:
    """The packaged style."""
    return build(BoardStyle, read_yaml(packaged("leaderboards/boards") / "default.yaml"))
