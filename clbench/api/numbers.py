"""Numbers without a run: every metric of a bare matrix, and the scores of answers from anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clbench.base.errors import DataError, MatrixError, short
from clbench.metrics.matrix import ResultMatrix, parse_matrix
from clbench.metrics.summaries import compute
from clbench.plugins.registry import registry
from clbench.runs.predictions import Prediction, Scores
from clbench.runs.predictions import score as score_predictions


def metrics(
    matrix: Any,
    *,
    base: Any = None,
    tasks: Sequence[str] | None = None,
    probes: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
) -> dict[str, float | None]:
    """Every named metric of a bare result matrix: OP, BWT, FWT, forgetting under each definition in use.

    >>> import clbench
    >>> found = clbench.metrics([[0.8, 0.1], [0.6, 0.9]])
    >>> found["op"], round(found["bwt.gem"], 3)
    (0.75, -0.2)

    Args:
        matrix: T rows of T scores, R[i, j] on task j after task i: lists, an array, a data frame, a `ResultMatrix`, or
            `Result.R` with its base row and probes. NaN and None mean not measured.
        base: T scores of the untouched base model.
        tasks: names of the T tasks.
        probes: name to T + 1 scores of what is never trained on.
        bounds: `single` or `joint` to T scores.

    Returns:
        Metric to number; None where the matrix lacks what it needs.

    Raises:
        MatrixError: the matrix is not square, or a cell is no number.
    """
    found = matrix if isinstance(matrix, ResultMatrix) else _matrix(matrix, base, tasks, probes or {}, bounds or {})
    return compute(found, registry().summary_specs())[0]


def _matrix(
    matrix: Any, base: Any, tasks: Sequence[str] | None, probes: Mapping[str, Any], bounds: Mapping[str, Any]
) -> ResultMatrix:
    rows, named = _rows(matrix), getattr(matrix, "columns", None)
    more: dict[str, Any] = {}
    if named is not None:
        names = [str(name) for name in named]
        if base is None and rows and str(matrix.index[0]) == "base":
            base, *rows = rows
            more = {name: [base[j], *(row[j] for row in rows)] for j, name in enumerate(names) if j >= len(rows)}
            rows, base = [row[: len(rows)] for row in rows], base[: len(rows)]
        tasks = tasks or names[: len(rows)]
    given: dict[str, Any] = {"matrix": rows, "base": None if base is None else _cells(base)}
    given |= {"tasks": None if tasks is None else list(tasks)}
    given["probes"] = more | {name: _cells(values) for name, values in probes.items()}
    given["bounds"] = {name: _cells(values) for name, values in bounds.items()}
    return parse_matrix(given)


def _rows(matrix: Any) -> list[list[Any]]:
    found = _plain(matrix)
    if not isinstance(found, list) or not all(isinstance(row, list | tuple) for row in found):
        raise MatrixError(f"must be T rows of T scores: lists, an array or a data frame; got {short(matrix)}")
    return [_cells(row) for row in found]


def _cells(values: Any) -> list[Any]:
    return [None if isinstance(one, float) and math.isnan(one) else one for one in _plain(values)]


def _plain(values: Any) -> Any:
    """Lists of Python's own numbers."""
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    found = array.tolist() if hasattr(array, "tolist") else array
    return [_plain(one) for one in found] if isinstance(found, list | tuple) else found


def score(
    task: str, prompts: Sequence[str], predictions: Sequence[str], answers: Sequence[str], *, variant: str = ""
) -> Scores:
    """Score answers from anywhere as a task of clbench scores them.

    >>> import clbench
    >>> clbench.score("trace/fomc", ["Stance:"] * 2, ["A", "C"], ["A", "B"]).roles["strict"]
    0.5

    Args:
        task: its name.
        prompts: what the model was asked.
        predictions: what it wrote.
        answers: what was expected.
        variant: of the task, such as `reasoning`.

    Returns:
        Scores from 0 to 1 under each of the task's scorers, with standard errors.

    Raises:
        ClbenchError: no such task, or the lists are empty or of unlike length.
    """
    sizes = {len(prompts), len(predictions), len(answers)}
    if len(sizes) > 1 or not predictions:
        raise DataError(
            f"score: needs as many prompts as predictions and answers, at least one; got {len(prompts)}, "
            f"{len(predictions)} and {len(answers)}"
        )
    found = registry().catalog().task(task).in_variant(variant)
    records = [Prediction(*one) for one in zip(prompts, predictions, answers, strict=True)]
    return score_predictions(found, records, scorer=registry().scorer)
