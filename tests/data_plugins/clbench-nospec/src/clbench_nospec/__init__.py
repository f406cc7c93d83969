"""A dict where a MethodSpec belongs."""

from clbench import hookimpl


@hookimpl
def clbench_methods():
    return [{"name": "nospec", "target": "clbench_nospec:Method"}]
