"""Two method names that others have."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    for name in ("example", "sequential"):
        yield MethodSpec(name, "clbench_duplicate:Method", "claimed")
