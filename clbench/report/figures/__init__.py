"""Pictures for a paper, of runs that a report could be about.

In: subjects. Out: figures of matplotlib, sized for one column or two; the same runs give the same bytes. matplotlib is
loaded when one is drawn. What a run does not hold is refused in a line, and nothing is drawn in its place.
"""

from clbench.report.figures.drawing import KINDS, WIDTHS, draw

__all__ = ["KINDS", "WIDTHS", "draw"]
