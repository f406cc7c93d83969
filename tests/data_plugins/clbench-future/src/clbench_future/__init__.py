"""A method for an API that is not there yet, beside one that would work."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    yield MethodSpec("early", "clbench_future:Early", "would work, but its package is broken")
    yield MethodSpec("future", "clbench_future:Future", "from the future", requires_api=99)
