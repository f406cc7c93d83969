"""Its entry point is called as that of clbench-example."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    yield MethodSpec("impostor", "clbench_impostor:Method", "never registered")
