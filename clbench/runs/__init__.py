"""What a run is on disk: its configuration and name, record, predictions, checkpoints, provenance.

In: resolved settings and results. Out: files, written so that a kill at any moment leaves a readable state. A change
of form needs a reader for what was written before.
"""

from clbench.base.calling import make_callable

make_callable(__name__, "clbench.api.reading:runs")
