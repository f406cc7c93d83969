"""A module that can be called stays a module."""

import sys
import types

from clbench.base.calling import make_callable


def test_a_call_is_the_functions():
    module = types.ModuleType("callable_room")
    sys.modules["callable_room"] = module
    try:
        make_callable("callable_room", "json:dumps")
        assert module({"a": 1}, indent=None) == '{"a": 1}'
        assert isinstance(module, types.ModuleType)
        assert module.__name__ == "callable_room"
    finally:
        del sys.modules["callable_room"]
