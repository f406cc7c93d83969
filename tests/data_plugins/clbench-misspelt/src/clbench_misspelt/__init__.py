"""`clbench_method` for `clbench_methods`."""

from clbench import hookimpl


@hookimpl
def clbench_method():
    """Never called."""
