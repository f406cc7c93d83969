"""`clbench.run` is the command: the same runs, records and boards; nothing of the process is another one afterwards."""

import asyncio
import json
import logging
import os
import random
import re
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import small
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clbench
from clbench.base.errors import ClbenchError
from clbench.engine.request import Request
from clbench.runs.recordparts import NOT_REPEATABLE
from clbench.spec.wording import flag, options


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream")
    return small.write_stream(folder, tasks=small.STREAM_TASKS[:2], epochs=1, train=2, test=1)


def left(home):
    """What a command leaves, without times: files by name, records, events, boards."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if not path.is_file() or path.name in (".lock", ".gitignore") or path.suffix == ".sqlite":
            continue
        text = path.read_text(encoding="utf-8").replace(str(home), "HOME")
        if path.name == "events.jsonl":
            found[name] = [{**json.loads(line), "time": None} for line in text.splitlines()]
        elif path.suffix == ".md":
            found[name] = text.partition("Costs, footprint")[0]
        elif path.suffix == ".json":
            content = json.loads(text)
            content.get("costs", {}).update(dict.fromkeys(NOT_REPEATABLE))
            content.pop("digest", None)  # of a board's copy, times and all
            entry = name.startswith("rows/")  # of row 0, with the place it is from
            found[name] = (content["loss"], content["answers"]) if entry else content
        else:
            found[name] = text
    return found


ASKED = st.fixed_dictionaries(
    {"plugin": st.sampled_from(["sequential", "frozen", ("frozen", "sequential")])},
    optional={
        "seed": st.integers(0, 5),
        "order": st.sampled_from(["order1", "random-1", "number,word"]),
        "options": st.just({"sequential": {"learning_rate": 1e-4}}),
        "settings": st.sampled_from(
            [{"protocol": {"evaluate": "seen"}}, {"stream": {"test_examples": 1}, "protocol": {"global_batch": 2}}]
        ),
        "probe": st.sampled_from(["none", ["facts"]]),
        "probe_schedule": st.just("every"),
        "probe_limit": st.integers(1, 2),
    },
)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(ASKED)
def test_call_and_command_leave_the_same(call, stream, llama, tmp_path_factory, monkeypatch, asked):
    if "sequential" not in asked["plugin"]:
        asked = {name: value for name, value in asked.items() if name != "options"}
    homes = [tmp_path_factory.mktemp(name) for name in ("called", "commanded")]
    request = Request.of(stream=stream, model=llama, quiet=True, settings=asked.pop("settings", {}), **asked)
    monkeypatch.setenv("CLBENCH_HOME", str(homes[0]))
    clbench.run(**{name: getattr(request, name) for name in request.model_fields_set})
    monkeypatch.setenv("CLBENCH_HOME", str(homes[1]))
    done = call(*request.command()[1:])
    assert done.code == 0, done.err
    called, commanded = map(left, homes)
    assert called == commanded
    assert any(name.endswith("record.json") for name in called)


def test_every_option_of_the_command_is_one_of_python_and_none_is_said_twice(call):
    shown = call("run", "--help").out
    for name, option in options(Request).items():
        assert (f"{flag(Request, name)} " in shown) == (option.kind is not None), name
    assert len({flag(Request, name) for name in options(Request)}) == len(options(Request))
    parameters = set(Request.model_fields) - {"copy_model"} | {"copy"}
    assert {one.name for one in clbench.run.__signature__.parameters.values()} == parameters
    assert all(f"{name}: " in clbench.run.__doc__ for name in parameters)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"sead": 1}, "no option 'sead'; did you mean 'seed'"),
        ({"seed": "x"}, "--seed: Input should be a valid integer"),
        ({"plugin": 3}, "--plugin: must be names, subclasses of clbench.Method"),
        ({"plugin": dict}, "--plugin: must be names"),
        ({"model": 3}, r"--model: must be a name, a folder, or \(model, tokenizer\)"),
        ({"stream": 3}, "--stream: must be a name, a file, a dict or a list"),
        ({"probe_limit": 0}, "--probe-limit"),
        ({"plugin": ()}, "--plugin is missing"),
        ({"settings": {"protocl": {}}}, "no such section; did you mean 'protocol'"),
        ({"plugin": "sequentia"}, "did you mean 'sequential'"),
        ({"runs_dir": "/dev/null/x"}, "cannot be written"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_leaves_nothing(stream, llama, home, given, complaint):
    with pytest.raises(ClbenchError, match=complaint) as caught:
        clbench.run(**{"stream": stream, "model": llama, "plugin": "sequential", **given})
    assert "\n" not in str(caught.value)
    assert not small.files_below(home)


def test_what_would_end_the_process_is_an_error(stream, llama, home, monkeypatch):
    def end(*_, **__):
        raise SystemExit("I am a program")

    monkeypatch.setattr("clbench.engine.session.load_stream_data", end)
    with pytest.raises(ClbenchError, match="something ended the process"):
        clbench.run(stream=stream, model=llama, plugin="sequential")


# --- nothing global


def state():
    """All that is global and might change."""
    loggers = {
        name: (one.level, list(one.handlers))
        for name, one in logging.root.manager.loggerDict.items()
        if isinstance(one, logging.Logger) and name.partition(".")[0] in ("transformers", "datasets", "accelerate")
    }
    return {
        "random": random.getstate(),
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(__import__("numpy").random.get_state()),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "loggers": loggers,
        "root": (logging.root.level, list(logging.root.handlers)),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "argv": list(sys.argv),
        "signals": [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
        "folder": str(Path.cwd()),
        "bars": __import__("transformers").utils.logging.is_progress_bar_enabled(),
    }


@pytest.mark.parametrize("end", ["success", "error", "interrupt"])
def test_the_process_is_as_it_was(stream, llama, home, end, monkeypatch):
    def before(self, run, experience):
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(1)
        random.seed(1)
        os.environ["VANDAL"] = "1"
        sys.argv.append("vandal")
        logging.root.setLevel(logging.DEBUG)
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        if end == "error":
            raise clbench.ClbenchError("vandal")
        if end == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)

    from clbench.methods.sequential import Sequential

    monkeypatch.setattr(Sequential, "before_experience", before)
    import transformers

    transformers.utils.logging.set_verbosity_info()
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    was = state()
    expected = {"success": None, "error": ClbenchError, "interrupt": KeyboardInterrupt}[end]
    asked = {"stream": stream, "model": llama, "plugin": "sequential"}
    try:
        if expected is None:
            clbench.run(**asked)
        else:
            with pytest.raises(expected):
                clbench.run(**asked)
        now = state()
        now["loggers"] = {name: now["loggers"][name] for name in was["loggers"]}  # a module imported since has its own
        assert {name for name in was if was[name] != now[name]} == set()
    finally:
        transformers.utils.logging.set_verbosity_warning()


def test_an_interrupted_call_continues_to_the_same_result(stream, llama, home, tmp_path, monkeypatch):
    from clbench.methods.sequential import Sequential

    asked = {"stream": stream, "model": llama, "plugin": "sequential"}
    whole = clbench.run(**asked, runs_dir=tmp_path / "other", leaderboards_dir=tmp_path / "boards").result
    with monkeypatch.context() as patched:
        patched.setattr(Sequential, "after_step", lambda self, run: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="is saved"):
            clbench.run(**asked)
    with pytest.raises(ClbenchError, match="is interrupted"):
        clbench.load(whole.run)
    assert clbench.runs().loc[whole.run, "status"] == "interrupted"
    again = clbench.run(**asked).result
    assert again.matrix == whole.matrix
    assert any("resumed" in line for line in (again.path / "events.jsonl").read_text().splitlines())


def test_a_stop_after_a_runs_last_step_is_no_stop_of_that_run_but_of_what_follows(stream, llama, home, monkeypatch):
    """No other step would tell of it, and the next run has its own ears."""
    from clbench.engine import runner

    asked = {"stream": stream, "model": llama, "plugin": "frozen", "seed": [0, 1]}
    make = runner.make_record
    with monkeypatch.context() as patched:
        patched.setattr(
            runner, "make_record", lambda *what, **how: os.kill(os.getpid(), signal.SIGINT) or make(*what, **how)
        )
        with pytest.raises(KeyboardInterrupt, match="is finished; the same command goes on"):
            clbench.run(**asked)
    assert list(clbench.runs()["status"]) == ["finished"]
    assert [row.n for row in clbench.board().itertuples()] == [1]
    assert len(clbench.run(**asked)) == 2


def test_a_stop_of_a_run_that_then_fails_is_not_lost(stream, llama, home, monkeypatch):
    from clbench.engine import runner

    def fails(*what, **how):
        os.kill(os.getpid(), signal.SIGINT)
        raise ClbenchError("the disk is full")

    monkeypatch.setattr(runner, "make_record", fails)
    with pytest.raises(KeyboardInterrupt, match="failed: the disk is full"):
        clbench.run(stream=stream, model=llama, plugin="frozen", seed=[0, 1])
    assert list(clbench.runs()["status"]) == ["failed"]


def test_a_running_loop_does_no_harm(stream, llama, home):
    async def main():
        return clbench.run(stream=stream, model=llama, plugin="frozen")

    assert asyncio.run(main()).result.method == "frozen"


def test_a_callers_types_and_accelerator_are_not_the_runs(stream, llama, home, tmp_path):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    asked = {"stream": stream, "model": llama, "plugin": "sequential"}
    plain = clbench.run(**asked).result
    AcceleratorState._reset_state(reset_partial_state=True)
    Accelerator(cpu=True, mixed_precision="bf16")
    torch.set_default_dtype(torch.float64)
    try:
        again = clbench.run(**asked, fresh=True).result
        assert AcceleratorState().mixed_precision == "bf16"
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
        AcceleratorState._reset_state(reset_partial_state=True)
        PartialState._reset_state()
    assert again.matrix == plain.matrix


def test_a_run_that_somebody_else_is_at_is_waited_for(stream, llama, home):
    from clbench.runs.rundir import RunDir

    (result,) = clbench.run(stream=stream, model=llama, plugin="frozen")
    with RunDir(result.path).lock():
        thread = threading.Thread(
            target=lambda: clbench.run(stream=stream, model=llama, plugin="frozen", fresh=True), daemon=True
        )
        before = (result.path / "record.json").stat().st_mtime_ns
        thread.start()
        time.sleep(1.5)
        assert thread.is_alive()
        assert (result.path / "record.json").stat().st_mtime_ns == before
    thread.join(60)
    assert (result.path / "record.json").stat().st_mtime_ns > before


def test_importing_costs_nothing(process_env):
    import subprocess

    code = (
        "import sys, time; began = time.perf_counter(); import clbench; took = time.perf_counter() - began; "
        "print(took, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    took, modules = [], set()
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], env=process_env(), capture_output=True, text=True)
        first, *names = done.stdout.split()
        took.append(float(first))
        modules = set(names)
    assert not {"torch", "transformers", "numpy", "pydantic", "pandas", "rich", "typer"} & modules
    assert min(took) < 0.05


def test_the_default_folders_are_the_commands(stream, llama, home):
    (result,) = clbench.run(stream=str(stream), model=str(llama), plugin="frozen")
    assert result.path.parent == home / "runs"
    assert re.fullmatch(r"mine_frozen_small-llama_order1_s0_[0-9a-f]{8}", result.run)
    assert clbench.load(result.run).record == result.record
