"""What methods noted: a table of key and value, so that nothing is hidden; and one form that is drawn.

A note with the key `utilisation` is drawn as a heat map, whoever wrote it:

    {"title": "mean router weight of each expert",
     "columns": ["1", "2", …],                        # such as experts
     "column_groups": ["QA", "QA", "translation", …], # one for each column; may be missing
     "rows": [{"name": "trace/fomc", "group": "QA", "values": [0.1, 0.4, …]}, …]}   # a null is no value
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clbench.base.errors import pydantic_line
from clbench.runs.boardcopy.compact import DRAWN as KEY

LEVELS = 3
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UtilisationRow(_Part):
    """One row: a task, its type, and a value for each column."""

    name: str
    group: str | None = None
    values: tuple[Number | None, ...]


class Utilisation(_Part):
    """How much of each column every row uses: see this module's docstring."""

    title: str
    columns: tuple[str, ...] = Field(min_length=1)
    column_groups: tuple[str, ...] | None = None
    rows: tuple[UtilisationRow, ...]

    @model_validator(mode="after")
    def _fits(self) -> Utilisation:
        lengths = {len(row.values) for row in self.rows}
        lengths |= {len(self.column_groups)} if self.column_groups is not None else set()
        if lengths - {len(self.columns)}:
            raise ValueError(f"rows and column_groups need one value for each of the {len(self.columns)} columns")
        return self

    def group_rank(self, group: str | None) -> int:
        """Place of a group of rows: in order of their first row."""
        return [row.group for row in self.rows].index(group)


def utilisation_of(note: object) -> tuple[Utilisation | None, str | None]:
    """A note's table, if it has one; or what is wrong with it."""
    if not isinstance(note, Mapping) or KEY not in note:
        return None, None
    try:
        return Utilisation.model_validate(note[KEY]), None
    except ValidationError as error:
        return None, f"{KEY} is not of the form that is drawn: {pydantic_line(error)[:300]}"


def flat(value: Any, *, path: str = "", levels: int = LEVELS) -> Iterator[tuple[str, str]]:
    """Path and value of everything in a JSON value; below some levels as JSON."""
    if isinstance(value, Mapping) and value and levels:
        for key, inner in value.items():
            yield from flat(inner, path=f"{path}.{key}" if path else str(key), levels=levels - 1)
        return
    yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
