"""A registration hook that raises."""

from clbench import hookimpl


@hookimpl
def clbench_methods():
    raise KeyError("no configuration file")
