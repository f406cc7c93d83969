"""Imports torch when it is registered."""

import torch  # noqa: F401

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    yield MethodSpec("hostile-heavy", "clbench:Method", "imports torch at registration")
