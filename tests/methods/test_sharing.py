"""What several processes are refused, from the specs alone, and that their names and reasons are told."""

import pytest

from clbench.base.errors import OptionError, RunError
from clbench.methods.methodspec import MethodSpec
from clbench.methods.sharing import check_sharing
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol


def spec(name, *capabilities, limit=""):
    return MethodSpec(name, "module:Class", "…", capabilities=frozenset(capabilities), limit=limit)


PLAIN, SAFE = spec("plain"), spec("safe", "edits_gradients", "sharded_ok")
WHOLE = spec("whole", "edits_gradients", limit="it looks at all")
ALONE = spec("alone", "edits_data", "one_process", limit="it waits")


@pytest.mark.parametrize(
    ("specs", "processes", "in_parts", "told"),
    [
        ([PLAIN, SAFE], 2, True, None),
        ([PLAIN, WHOLE], 2, False, None),
        ([ALONE, WHOLE], 1, False, None),
        ([SAFE, WHOLE], 2, True, r"^method 'whole' is not exact .*\(FSDP\): it looks at all; run it on one device"),
        ([PLAIN, ALONE], 2, False, r"^method 'alone' trains in one process: it waits; run it without a launcher$"),
        ([spec("mute", "one_process")], 2, False, r"^method 'mute' trains in one process; run it without"),
    ],
)
def test_what_a_method_declares_is_what_it_is_given(specs, processes, in_parts, told):
    if told is None:
        check_sharing(specs, Protocol(), processes=processes, in_parts=in_parts)
        return
    with pytest.raises(RunError, match=told):
        check_sharing(specs, Protocol(), processes=processes, in_parts=in_parts)


@pytest.mark.parametrize("kept", [{"weights": "bf16", "precision": "bf16"}, {"moments": "8bit"}])
def test_fewer_bits_are_not_put_into_parts(kept):
    protocol = Protocol().model_copy(update=kept)
    check_sharing([SAFE], protocol, processes=2, in_parts=False)
    with pytest.raises(OptionError, match=r"^protocol\.weights=.* where parameters are sharded"):
        check_sharing([SAFE], protocol, processes=2, in_parts=True)


def test_every_method_of_ours_that_is_refused_says_why():
    entries = [entry.spec for entry in registry().methods.entries.values()]
    assert all(one.limit for one in entries if one.capabilities and "sharded_ok" not in one.capabilities)
