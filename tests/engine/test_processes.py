"""Two processes (gloo) as one, with copies of the model (DDP) and with parts of it (FSDP 2): one global batch.

All installed methods are run, by one process, by two with copies, and by two with parts; a method that cannot do one of
these says so before anything is loaded. The two are forked, so that nothing is imported again.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import signal

import pair
import pytest
import small

from clbench.base.errors import RunError
from clbench.methods.sharing import alone, bears_parts
from clbench.plugins.registry import registry
from clbench.runs.recordparts import NOT_REPEATABLE

SPECS = {name: entry.spec for name, entry in registry().methods.entries.items()}
MODES = {"copies": lambda spec: not alone(spec), "parts": bears_parts}
WHERE = ["copies", "parts"]


def carry_out(stream, model, home, method, **changes):
    """A whole run, without dropout, of which each process draws masks of its own."""
    fields = SPECS[method].load().Options.model_fields
    options = {method: {"dropout": changes.pop("dropout", 0.0)}} if "dropout" in fields else {}
    runtime = {"micro_batch": 2, "checkpoint_steps": 1, "keep_checkpoints": True} | changes.pop("runtime", {})
    protocol = {"learning_rate": 1e-3}
    return small.run_stream(
        stream, method, model=model, home=home, options=options, protocol=protocol, runtime=runtime, **changes
    )


@contextlib.contextmanager
def shared(mode):
    """As `accelerate launch` would have it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))  # else accelerate sets it, and says so
        if mode == "parts":
            patch.setenv("ACCELERATE_USE_FSDP", "true")
        yield patch


def told(home, method):
    """Losses, learning rates and the record of a method's run."""
    (folder,) = home.glob(f"runs/*_{method}_*")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    steps = {one["step"]: one for one in events if one["event"] == "step"}
    return list(steps.values()), json.loads((folder / "record.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(tmp_path_factory.mktemp("stream"), train=5, test=2, tasks=small.STREAM_TASKS[:2])


@pytest.fixture(scope="module")
def alone_of(tmp_path_factory, llama, stream):
    """What one process makes of a method."""
    root = tmp_path_factory.mktemp("alone")

    @functools.cache
    def alone_of(method):
        carry_out(stream, llama, root, method)
        return told(root, method)

    return alone_of


@pytest.mark.slow
@pytest.mark.parametrize("mode", WHERE)
@pytest.mark.parametrize("method", [name for name in SPECS if name != "frozen"])
def test_two_processes_are_as_one_or_say_why_not(tmp_path, stream, llama, monkeypatch, alone_of, mode, method):
    if not MODES[mode](SPECS[method]):
        check_refusal(stream, llama, tmp_path, method, monkeypatch, mode)
        return
    expected, whole = alone_of(method)
    by(2, mode, tmp_path, stream=stream, model=llama, method=method, log=tmp_path / "log")
    steps, record = told(tmp_path, method)
    near(steps, expected)
    assert record["scores"] == whole["scores"]
    for name in ("steps", "train_tokens", "answer_tokens"):
        assert record["costs"].get(name) == whole["costs"].get(name)
    assert record["costs"]["world_size"] == 2
    assert record["footprint"] | {"counted_passes": None} == whole["footprint"] | {"counted_passes": None}
    assert record["warnings"] == whole["warnings"]
    assert record["drift"]["relative_l2"] == pytest.approx(whole["drift"]["relative_l2"], rel=1e-3, abs=1e-9)
    assert record["drift"]["kl"] == pytest.approx(whole["drift"]["kl"], rel=1e-2, abs=1e-5)


def check_refusal(stream, model, home, method, monkeypatch, mode):
    """It names the method and its reason; nothing is loaded."""
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 2)
    if mode == "parts":
        monkeypatch.setattr("accelerate.Accelerator.distributed_type", "DistributedType.FSDP")
    monkeypatch.setattr("clbench.engine.fixed.load_model", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(RunError, match=rf"^method '{method}' .*{re.escape(SPECS[method].limit)}; run it"):
        carry_out(stream, model, home, method)


def near(steps, expected):
    assert [(one["step"], one["learning_rate"]) for one in steps] == [
        (one["step"], one["learning_rate"]) for one in expected
    ]
    for name, loose in (("loss", 2e-4), ("gradient_norm", 5e-3)):
        assert [one[name] for one in steps] == pytest.approx([one[name] for one in expected], rel=loose, abs=2e-4)


# --- killed, and continued


@contextlib.contextmanager
def dying_at(step):
    """Nothing is tidied up."""
    from clbench.engine.runner import Runner

    def at_rest(self, done, *, own=Runner.at_rest):
        own(self, done)
        if self.moving.stage.run.step == step:
            self.fixed.checkpointer.wait()
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "at_rest", at_rest)
        yield


def by(number, mode, home, *, stream, model, method, log, die=None, **changes):
    """A run by so many processes, perhaps killed at a step."""

    def work():
        with shared(mode), dying_at(die) if die else contextlib.nullcontext():
            carry_out(stream, model, home, method, **changes)

    codes = pair.run(work, log=log, number=number, seconds=100)
    assert codes == [-signal.SIGKILL if die else 0] * number, log.read_text()[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("mode", WHERE)
def test_a_run_of_two_goes_on_bit_for_bit(tmp_path, stream, llama, mode):
    """With dropout, so that every process's random streams are needed."""
    pytest.importorskip("clbench_peft")
    for home, die in (("whole", None), ("cut", 2), ("cut", 3), ("cut", None)):
        how = {"stream": stream, "model": llama, "method": "lora", "dropout": 0.3, "log": tmp_path / f"{home}.log"}
        by(2, mode, tmp_path / home, die=die, **how)
    (steps, record), (expected, whole) = (told(tmp_path / home, "lora") for home in ("cut", "whole"))
    assert [[one["loss"], one["gradient_norm"]] for one in steps] == [
        [one["loss"], one["gradient_norm"]] for one in expected
    ]
    for one in (record, whole):
        for name in NOT_REPEATABLE:
            del one["costs"][name]
        del one["provenance"]
    assert record == whole


@pytest.mark.slow
@pytest.mark.parametrize("mode", WHERE)
@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on(tmp_path, stream, llama, mode, first, then):
    method = "mofo" if "mofo" in SPECS else "sequential"
    how = {"stream": stream, "model": llama, "method": method, "log": tmp_path / "log"}
    by(first, mode, tmp_path / "cut", die=3, **how)
    by(then, mode, tmp_path / "cut", **how)
    by(1, mode, tmp_path / "whole", **how)
    (steps, record), (expected, whole) = (told(tmp_path / home, method) for home in ("cut", "whole"))
    near(steps, expected)
    assert record["scores"] == whole["scores"]
    shutil.rmtree(tmp_path / "cut")
