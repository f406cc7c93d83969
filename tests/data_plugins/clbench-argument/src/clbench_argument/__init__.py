"""A hookimpl with an argument that the specification does not have."""

from clbench import hookimpl


@hookimpl
def clbench_step_end(run_id, perplexity):
    """Never called."""
