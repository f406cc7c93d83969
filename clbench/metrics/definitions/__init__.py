"""Functions of R, a file a family; each docstring begins with the formula and names its source.

In: a `ResultMatrix`. Out: a float, or a `MatrixError` that says which cell is missing. A definition once published
keeps its value; `clbench.metrics.summaries` gives each its name.
"""
