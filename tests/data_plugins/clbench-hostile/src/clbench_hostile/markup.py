"""A name that would write into the board."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    yield MethodSpec("**best** | 1.000 | <img src=x onerror=alert(1)>", "clbench:Method", "prints into its name")
