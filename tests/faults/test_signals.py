"""SIGTERM and SIGINT on a real run: saved, said in one line, exit code 130; the same command ends as if nothing was."""

import json
import os
import signal
import time

import nursery
import pytest

METHOD = "sequential"
PATIENCE = 120  # seconds; a busy machine is no error


@pytest.fixture(scope="module", autouse=True)
def imported():
    """What a child would have to import; torch must not have started threads before a fork."""
    import accelerate  # noqa: F401
    import torch

    import clbench.engine.runner  # noqa: F401
    from clbench.models.loading import BUNDLED, describe, load_model
    from clbench.spec.protocol import Runtime

    torch.set_num_threads(1)
    load_model(describe(BUNDLED), device="cpu", runtime=Runtime())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted run ends with."""
    home = tmp_path_factory.mktemp("whole")
    assert finish(home) == 0, said(home)
    return nursery.result(home)


def finish(home):
    return nursery.finish(nursery.start(nursery.command(METHOD, home), log=home / "log"))


def said(home):
    return (home / "log").read_text("utf-8")


def events(home):
    files = list((home / "runs").glob("*/events.jsonl"))
    lines = files[0].read_text("utf-8").rpartition("\n")[0].splitlines() if files else []
    return [json.loads(line) for line in lines]


def wait_for(home, kind, number=1):
    """Until a run has told of an event so often."""
    end = time.monotonic() + PATIENCE
    while sum(one["event"] == kind for one in events(home)) < number:
        assert time.monotonic() < end, said(home)
        time.sleep(0.002)


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", [("training", 2), ("measuring", 1), ("measuring", 3)], ids=str)
def test_a_signalled_run_is_saved_says_so_in_one_line_and_goes_on(whole, tmp_path, number, moment):
    child = nursery.start(nursery.command(METHOD, tmp_path), log=tmp_path / "log")
    wait_for(tmp_path, *moment)
    os.kill(child, number)
    assert nursery.finish(child) == 130
    folder = nursery.run_dir(tmp_path)
    assert said(tmp_path).startswith("error: interrupted")
    assert said(tmp_path).count("\n") == 1
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert state["status"] == "interrupted"
    assert state["error"] == f"KeyboardInterrupt: run {folder.name} is saved; the same command continues it"
    assert list((folder / "checkpoints").glob("[0-9]*"))
    assert not (folder / "record.json").exists()
    assert not (folder / ".owner").exists()
    assert not list((tmp_path / "boards").rglob("*.md"))
    (tmp_path / "log").unlink()
    assert finish(tmp_path) == 0, said(tmp_path)
    assert "resumed" in [one["event"] for one in events(tmp_path)]
    assert nursery.result(tmp_path) == whole
    assert not list(folder.glob("checkpoints/*"))


@pytest.mark.faults
def test_signals_again_and_again_while_it_goes_on(whole, tmp_path):
    for turn in range(1, 4):
        child = nursery.start(nursery.command(METHOD, tmp_path), log=tmp_path / "log")
        wait_for(tmp_path, "training", 2 * turn)
        os.kill(child, signal.SIGTERM if turn % 2 else signal.SIGINT)
        assert nursery.finish(child) == 130
    assert said(tmp_path).count("\n") == 3, "a line each"
    assert finish(tmp_path) == 0, said(tmp_path)
    assert nursery.result(tmp_path) == whole


@pytest.mark.faults
def test_a_second_signal_stops_at_once_and_the_same_command_goes_on_all_the_same(whole, tmp_path):
    child = nursery.start(nursery.command(METHOD, tmp_path), log=tmp_path / "log")
    wait_for(tmp_path, "training", 2)
    os.kill(child, signal.SIGINT)
    os.kill(child, signal.SIGTERM)
    assert nursery.finish(child) == 130
    assert said(tmp_path).startswith("error: interrupted")
    assert said(tmp_path).count("\n") == 1
    assert finish(tmp_path) == 0, said(tmp_path)
    assert nursery.result(tmp_path) == whole
