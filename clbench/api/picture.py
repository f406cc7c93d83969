"""R as a picture of matplotlib, in the colours of the report."""

from __future__ import annotations

from typing import Any

from clbench.base.errors import ClbenchError
from clbench.metrics.matrix import ResultMatrix
from clbench.report.figures.matrices import heat_map as draw


def heat_map(matrix: ResultMatrix, *, title: str, ax: Any = None) -> Any:
    """Rows are after task i, the base model's first; columns are tasks and probes that are scored from 0 to 1.

    Args:
        matrix: with the probes.
        title: above it.
        ax: to draw on; a new figure's if it is left out.

    Raises:
        ClbenchError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ClbenchError("plot(): needs matplotlib; pip install matplotlib") from None
    if ax is None:
        columns = matrix.num_tasks + len(matrix.probes)
        _, ax = plt.subplots(figsize=(1.5 + 0.75 * columns, 1.6 + 0.4 * matrix.num_tasks), layout="constrained")
    draw(ax, matrix, title=title)
    return ax
