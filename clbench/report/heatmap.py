"""Tables of numbers on the colours of their size: R, and whatever a method noted as a table of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import fmean

from clbench.metrics.matrix import Cell, ResultMatrix
from clbench.report.colours import shade
from clbench.report.html import Html, scrolling, tag
from clbench.report.notes import Utilisation

Errors = Mapping[str, Sequence[Cell]] | None


def number(value: Cell) -> str:
    """Three decimals; `–` for what was not measured."""
    return "–" if value is None else f"{value:.3f}"


def heat_cell(value: Cell, *, title: str, high: float = 1.0, error: Cell = None, class_: str | None = None) -> Html:
    """A cell whose colour says how much of `high` its value is; below it a standard error, if there is one."""
    if value is None:
        return tag("td", "–", title=f"{title}: not measured", class_="none")
    background, foreground = shade(value / high if high > 0 else 0.0)
    style = f"background:{background};color:{foreground}"
    below = None if error is None else tag("small", f"±{error:.3f}")
    return tag("td", number(value), below, title=f"{title}: {value:.6g}", style=style, class_=class_)


def short(name: str) -> str:
    """`trace/fomc` as `fomc`."""
    return name.rpartition("/")[2] or name


# --- R ---------------------------------------------------------------------------------------------------------------


def result_matrix(matrix: ResultMatrix, *, errors: Errors = None, ceilings: Mapping[str, float] | None = None) -> Html:
    """R from its base row on, and the probes; what was just learned has a frame, what was not learned yet is pale.

    Args:
        matrix: with the probes.
        errors: standard errors by name of task or probe, rows 0 … T; shown below the scores.
        ceilings: by name of task or probe, what a model scores whose tokens are all right; a row of its own.
    """
    names = [*matrix.tasks, *matrix.probes]
    first = len(matrix.tasks)
    head = [
        tag("th", short(name), scope="col", title=name, class_="probe" if place >= first else None)
        for place, name in enumerate(names)
    ]
    body = [
        tag("tr", _row_name(matrix, i), _tasks(matrix, i, errors or {}), _probes(matrix, i, errors or {}))
        for i in range(first + 1)
    ]
    body += [_ceiling(names, ceilings)] if ceilings else []
    return scrolling(tag("table", tag("thead", tag("tr", tag("th", "after"), head)), tag("tbody", body), class_="heat"))


def _ceiling(names: Sequence[str], ceilings: Mapping[str, float]) -> Html:
    told = "what a model scores whose tokens are all right"
    cells = [heat_cell(ceilings.get(name), title=f"{name}: {told}") for name in names]
    return tag("tr", tag("th", "ceiling", scope="row", title=told), cells)


def _row_name(matrix: ResultMatrix, i: int) -> Html:
    if i == 0:
        return tag("th", "base", scope="row", title="the untouched base model")
    return tag("th", f"{i} {short(matrix.tasks[i - 1])}", scope="row", title=matrix.tasks[i - 1])


def after(matrix: ResultMatrix, i: int) -> str:
    """Row i in words."""
    return f"after {i} ({matrix.tasks[i - 1]})" if i else "of the base model"


def score(matrix: ResultMatrix, i: int, j: int) -> Cell:
    """R[i, j] with 1-based j; None where it was not measured."""
    row = matrix.rows[i - 1] if i else matrix.base
    return None if row is None else row[j - 1]


def _tasks(matrix: ResultMatrix, i: int, errors: Mapping[str, Sequence[Cell]]) -> list[Html]:
    return [_task(matrix, i, j, error=_error(errors, name, i)) for j, name in enumerate(matrix.tasks, 1)]


def _error(errors: Mapping[str, Sequence[Cell]], name: str, i: int) -> Cell:
    return errors[name][i] if name in errors else None


def _task(matrix: ResultMatrix, i: int, j: int, *, error: Cell) -> Html:
    value, learned = score(matrix, i, j), matrix.rows[j - 1][j - 1]
    title = f"{matrix.tasks[j - 1]} {after(matrix, i)}"
    if i > j and value is not None and learned is not None:
        title += f", {value - learned:+z.3f} since it was learned"
    return heat_cell(value, title=title, error=error, class_="learned" if i == j else "ahead" if i < j else None)


def _probes(matrix: ResultMatrix, i: int, errors: Mapping[str, Sequence[Cell]]) -> list[Html]:
    """Scores from 0 to 1 in colour; a probe whose name ends in `text` is a loss in nats a token, with no such scale."""
    return [
        tag("td", number(values[i]), title=f"{name} {after(matrix, i)} (loss in nats a token)", class_="probe")
        if name.endswith("text")
        else heat_cell(values[i], title=f"{name} {after(matrix, i)}", error=_error(errors, name, i), class_="probe")
        for name, values in matrix.probes.items()
    ]


def mean_matrix(matrices: Sequence[ResultMatrix]) -> ResultMatrix:
    """R over runs with the same tasks; a cell that one of them did not measure has no mean."""
    first = matrices[0]
    bases = [one.base for one in matrices if one.base]
    shared = [name for name in first.probes if all(name in one.probes for one in matrices)]
    return ResultMatrix(
        tasks=first.tasks,
        rows=tuple(_mean_row([one.rows[i] for one in matrices]) for i in range(first.num_tasks)),
        base=_mean_row(bases) if len(bases) == len(matrices) else None,
        probes={name: _mean_row([one.probes[name] for one in matrices]) for name in shared},
    )


def _mean_row(rows: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
    return tuple(_mean(cells) for cells in zip(*rows, strict=True))


def _mean(cells: Sequence[Cell]) -> Cell:
    known = [cell for cell in cells if cell is not None]
    return fmean(known) if len(known) == len(cells) else None


# --- utilisation -----------------------------------------------------------------------------------------------------


def utilisation(table: Utilisation) -> Html:
    """Rows under the names of their groups, columns too; the largest value has the lightest colour."""
    values = [value for row in table.rows for value in row.values if value is not None]
    high = max(values, default=0.0)
    body: list[Html] = []
    for group, rows in groupby(sorted(table.rows, key=lambda row: table.group_rank(row.group)), lambda row: row.group):
        if group is not None:
            body.append(tag("tr", tag("th", group, colspan=len(table.columns) + 1, class_="group")))
        for row in rows:
            cells = [
                heat_cell(value, title=f"{row.name}, {column}", high=high)
                for column, value in zip(table.columns, row.values, strict=True)
            ]
            body.append(tag("tr", tag("th", short(row.name), scope="row", title=row.name), cells))
    head = [_column_groups(table), tag("tr", tag("th"), [tag("th", one, scope="col") for one in table.columns])]
    return tag(
        "figure",
        scrolling(tag("table", tag("thead", head), tag("tbody", body), class_="heat")),
        tag("figcaption", table.title),
    )


def _column_groups(table: Utilisation) -> Html | None:
    if table.column_groups is None:
        return None
    groups: Sequence[tuple[str, int]] = [(name, len(list(same))) for name, same in groupby(table.column_groups)]
    return tag("tr", tag("th"), [tag("th", name, colspan=size, class_="group") for name, size in groups])
