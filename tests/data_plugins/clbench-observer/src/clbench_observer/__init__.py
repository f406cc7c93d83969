"""An observer with a bug."""

from clbench import Method, MethodSpec, hookimpl


class Watched(Method):
    """Plain fine-tuning."""


@hookimpl
def clbench_methods():
    yield MethodSpec("watched", "clbench_observer:Watched", "plain fine-tuning beside a failing observer")


@hookimpl
def clbench_step_end(step):
    raise RuntimeError(f"the tracker cannot be reached at step {step}")
