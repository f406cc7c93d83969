"""Two hosts on one folder: a living owner is respected in one line with the mend in it, a dead one is recovered from.

The other host is played by what it leaves: its signature, `.owner`, without a lock of this system's, as on a network
file system that keeps locks on each host apart. The other process of this host is a real one.
"""

import contextlib
import json
import os
import signal
import time

import nursery
import pytest

from clbench.base import atomic
from clbench.boards.leaderboard import update
from clbench.engine.carrying import publish
from clbench.plugins.registry import registry
from clbench.runs.rundir import RunDir

METHOD = "frozen"
PATIENCE = 120


def finish(home):
    code = nursery.finish(nursery.start(nursery.command(METHOD, home), log=home / "log"))
    return code, (home / "log").read_text("utf-8").splitlines()[-1:]


def waits(home):
    """What the command says that waits for a run, and is stopped then."""
    command, end = (
        nursery.start(nursery.command(METHOD, home, quiet=False), log=home / "log"),
        time.monotonic() + PATIENCE,
    )
    while not (found := [line for line in (home / "log").read_text("utf-8").splitlines() if "come back to" in line]):
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(2.5)
    assert os.waitpid(command, os.WNOHANG) == (0, 0)
    os.kill(command, signal.SIGTERM)
    assert nursery.finish(command) != 0
    (said,) = found
    return said


def sign(folder, *, host="node7", process=1, silent=0.0):
    path = folder / ".owner"
    path.write_text(json.dumps({"host": host, "process": process}), "utf-8")
    os.utime(path, (time.time() - silent,) * 2)
    return path


def unfinished(home):
    """The folder of a run whose record is gone, so that the same command has something to do."""
    (home / "runs").mkdir(exist_ok=True)
    assert finish(home)[0] == 0, (home / "log").read_text("utf-8")
    folder = nursery.run_dir(home)
    (folder / "record.json").unlink()
    return folder


def holder(folder):
    """A process that holds a folder's lock until it is killed."""
    child = os.fork()
    if child:
        end = time.monotonic() + PATIENCE
        while not (folder / ".owner").exists():
            assert time.monotonic() < end
            time.sleep(0.005)
        return child
    try:
        with atomic.lock(folder, seconds=0):
            signal.pause()
    finally:
        os._exit(70)


@pytest.mark.faults
def test_a_run_that_another_host_is_at_is_waited_for_until_it_gives_no_sign_any_more(tmp_path):
    folder = unfinished(tmp_path)
    path = sign(folder, process=4711)
    assert waits(tmp_path) == (
        f"{path}: process 4711 on host node7 is at run {folder.name}; wait for it or stop it; if it is gone, remove "
        f"this file (without a sign of life it counts for {atomic.SILENT_SECONDS} s only); run 1 of 1 is come back to"
    )
    assert not (folder / "record.json").exists()
    assert path.exists()
    sign(folder, silent=atomic.SILENT_SECONDS + 1)
    assert finish(tmp_path)[0] == 0
    assert (folder / "record.json").exists()
    assert not path.exists()


@pytest.mark.faults
def test_a_living_process_of_this_host_is_respected_and_a_killed_one_is_not(tmp_path):
    folder = unfinished(tmp_path)
    child = holder(folder)
    said = waits(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert said == (
        f"{folder / '.lock'}: another process is at run {folder.name} (waited 0 s); "
        "wait for it or stop it, then try again; run 1 of 1 is come back to"
    )
    assert (folder / ".owner").exists(), "it had no time to tidy up"
    assert finish(tmp_path)[0] == 0


@pytest.mark.faults
def test_a_board_waits_for_another_host(make_record, tmp_path):
    known = registry()
    path = sign(tmp_path)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            publish(make_record(), tmp_path, known)
            os._exit(0)
        os._exit(70)
    time.sleep(0.6)
    assert not list(tmp_path.rglob("*.md"))
    path.unlink()
    assert nursery.finish(child) == 0
    (done,) = update(tmp_path, summaries=known.summary_specs(), write=False, plugins=known.plugins)
    assert not done.stale


@pytest.mark.faults
def test_a_killed_owners_signature_and_temporary_files_do_not_stay(tmp_path):
    run_dir = RunDir(tmp_path)
    child = os.fork()
    if not child:
        os.fsync = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        with run_dir.lock():
            run_dir.write_state(status="running")
        os._exit(70)
    assert nursery.finish(child) == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob(".run.json.*.tmp")]
    assert (tmp_path / ".owner").exists()
    with run_dir.lock():
        run_dir.write_state(status="finished")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "run.json"]
