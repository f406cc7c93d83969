"""Rows for people and programs: a data frame of pandas where it is installed, else a small table of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clbench.base.errors import ClbenchError


class Table(Sequence[Mapping[str, Any]]):
    """Rows of named values, shown as text and as HTML.

    Args:
        rows: column to value; all rows have the same columns.
        index: column that names the rows.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], *, index: str | None = None) -> None:
        self.rows = [dict(row) for row in rows]
        self.index_column = index

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return list(self.rows[0]) if self.rows else []

    def frame(self) -> Any:
        """A data frame of pandas.

        Raises:
            ClbenchError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ClbenchError("frame(): needs pandas; pip install pandas, or use the table's rows") from None
        numbers = [name for name in self.columns if all(isinstance(row[name], float | None) for row in self.rows)]
        found = pd.DataFrame(self.rows, columns=self.columns).astype(dict.fromkeys(numbers, float))
        return found if self.index_column is None or not self.rows else found.set_index(self.index_column)

    def __repr__(self) -> str:
        from tabulate import tabulate

        cells = [[_cell(value) for value in row.values()] for row in self.rows]
        return tabulate(cells, self.columns, disable_numparse=True) if self.rows else "(no rows)"

    def _repr_html_(self) -> str:
        from clbench.report import fragment

        return fragment.table_of(self.columns, [[_cell(value) for value in row.values()] for row in self.rows])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def framed(rows: Sequence[Mapping[str, Any]], *, index: str | None = None) -> Any:
    """A data frame where pandas is installed, else a `Table`."""
    table = Table(rows, index=index)
    try:
        return table.frame()
    except ClbenchError:
        return table
