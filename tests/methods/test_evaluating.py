"""`evaluating` is entered for each task, told its name where the protocol gives it, and as 0.1's methods wrote it."""

import contextlib

import pytest
import small

from clbench.methods.compose import Compose
from clbench.methods.method import Method, as_measured
from clbench.methods.methodspec import MethodSpec
from clbench.spec.protocol import Protocol


class Old(Method):
    """Written for 0.1."""

    @contextlib.contextmanager
    def evaluating(self, run):
        run.note("old", run.notes.get("old", 0) + 1)
        yield


class New(Method):
    """Is told the task, if anybody is."""

    @contextlib.contextmanager
    def evaluating(self, run, task=None):
        run.note("asked", [*run.notes.get("asked", []), task])
        yield


@pytest.mark.parametrize("given", [False, True])
def test_the_name_reaches_a_method_only_where_it_is_given(llama, tmp_path, given):
    specs = [MethodSpec(name, f"{__name__}:{name.title()}", "for a test") for name in ("old", "new")]
    protocol = {"epochs": 1, **({"task_identity": "given"} if given else {})}
    stream = small.write_stream(tmp_path / "stream", **protocol)
    (outcome,) = small.run_stream(
        stream, "old+new", model=llama, home=tmp_path / "home", lab=small.registry_with(*specs)
    )
    asked = outcome.record.notes["asked"]
    assert outcome.record.notes["old"] == len(asked)
    assert {one for one in asked if one} == (set(small.STREAM_TASKS) if given else set())
    assert [one for one in asked if one] == list(small.STREAM_TASKS) * 5 * given  # four rows, and drift.kl at the end


def test_both_signatures_are_called_as_they_are_written():
    run = small.make_request  # anything: what is passed on is looked at alone
    seen = []

    class Records(Method):
        def evaluating(self, run, task=None):
            seen.append((run, task))
            return contextlib.nullcontext()

    class Alone(Method):
        def evaluating(self, run):
            seen.append((run,))
            return contextlib.nullcontext()

    with as_measured(Compose({"a": Records(), "b": Alone()}), run, "own/word"):
        assert seen == [(run, "own/word"), (run,)]


def test_identity_is_part_of_a_board_only_where_it_is_given():
    assert "task_identity" not in Protocol().identity()
    assert Protocol(task_identity="given").identity()["task_identity"] == "given"
