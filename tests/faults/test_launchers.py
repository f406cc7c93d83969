"""Runs given to other processes end as those of one process do, also when a process is killed at one of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import nursery
import pytest
import small
import yaml

PATIENCE = 500


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Two methods and two seeds on a small stream, long enough to be killed in."""
    folder = tmp_path_factory.mktemp("launchers")
    stream = small.write_stream(folder / "stream", tasks=small.STREAM_TASKS[:2], train=24, test=2, epochs=6)
    run = {"stream": str(stream), "seeds": 2, "settings": {"runtime.device": "cpu", "runtime.checkpoint_steps": 2}}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"plan": "mine", "run": run, "methods": ["sequential", "joint"]}), "utf-8")
    return path


def start(plan, home, process_env, *arguments, **env):
    folders = ("--runs-dir", str(home / "runs"), "--leaderboards-dir", str(home / "boards"))
    command = [sys.executable, "-m", "clbench", "run", str(plan), *folders, *arguments]
    env = process_env(CLBENCH_HOME=str(home), OMP_NUM_THREADS="1", **env)
    return subprocess.Popen(
        command, cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )


@pytest.fixture(scope="module")
def alone(plan, tmp_path_factory, process_env):
    home = tmp_path_factory.mktemp("alone")
    done = start(plan, home, process_env)
    said, _ = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0, said
    assert len(nursery.results(home)) == 4
    return nursery.results(home)


def kill_one(home, killed):
    """The process that is at the first run that has made some steps."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not killed:
        for path in (home / "runs").glob("*/events.jsonl"):
            if path.read_text("utf-8").count('"step"') >= 5 and not (path.parent / "record.json").exists():
                with contextlib.suppress(OSError, ValueError, KeyError):
                    process = json.loads((path.parent / ".owner").read_text("utf-8"))["process"]
                    os.kill(process, signal.SIGKILL)
                    killed.append((path.parent.name, process))
                    return
        time.sleep(0.005)


def finish(plan, home, process_env, *arguments, **env):
    """Carries the plan out, with one process killed; what was said."""
    killed = []
    child = start(plan, home, process_env, *arguments, **env)
    thread = threading.Thread(target=kill_one, args=(home, killed), daemon=True)
    thread.start()
    said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, said
    assert len(killed) == 1
    assert killed[0][1] != child.pid
    log = (home / "runs" / killed[0][0] / "events.jsonl").read_text("utf-8")
    assert '"resumed"' in log, "it went on from where it was killed"
    return said


@pytest.mark.faults
@pytest.mark.slow
def test_two_local_processes_of_which_one_is_killed(plan, alone, tmp_path, process_env):
    said = finish(plan, tmp_path, process_env, "--launcher", "local:2")
    assert nursery.results(tmp_path) == alone
    assert said.count("op ") >= 4
    assert "nothing was done" not in said


def workers_of(home):
    """The processes that are at runs, once each of two has made some steps."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        begun = [
            path for path in (home / "runs").glob("*/events.jsonl") if path.read_text("utf-8").count('"step"') >= 3
        ]
        with contextlib.suppress(OSError, ValueError, KeyError):
            found = {json.loads((path.parent / ".owner").read_text("utf-8"))["process"] for path in begun}
            if len(found) == 2:
                return found
        time.sleep(0.01)
    raise AssertionError("two processes were never at runs")


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, marks=pytest.mark.long),
    ],
    ids=lambda one: one.name,
)
def test_processes_end_with_the_one_that_began_them(plan, alone, tmp_path, process_env, number):
    child = start(plan, tmp_path, process_env, "--launcher", "local:2")
    workers = workers_of(tmp_path)
    child.send_signal(number)
    said, _ = child.communicate(timeout=PATIENCE)
    if number != signal.SIGKILL:
        assert child.returncode == 130
        assert said.splitlines()[-1] == "error: interrupted: runs are saved; the same command continues them"
        assert "Traceback" not in said
        assert not any(map(is_there, workers)), "they end before it"
    end = time.monotonic() + PATIENCE
    while any(map(is_there, workers)):
        assert time.monotonic() < end
        time.sleep(0.1)
    states = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "runs").glob("*/run.json")]
    assert sorted({one["status"] for one in states} - {"finished"}) == ["interrupted"]
    done = start(plan, tmp_path, process_env, "--launcher", "local:2")
    said, _ = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0, said
    assert nursery.results(tmp_path) == alone


@pytest.mark.long
@pytest.mark.faults
@pytest.mark.slow
def test_a_ray_cluster_of_two_workers_of_which_one_is_killed(plan, alone, tmp_path, process_env):
    pytest.importorskip("ray")
    finish(plan, tmp_path, process_env, "--launcher", "ray")
    assert nursery.results(tmp_path) == alone


@pytest.mark.long
@pytest.mark.faults
@pytest.mark.slow
def test_jobs_by_submitit(plan, alone, tmp_path, process_env):
    pytest.importorskip("submitit")
    child = start(plan, tmp_path, process_env, "--launcher", "slurm", CLBENCH_SUBMITIT="local")
    said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, said
    assert nursery.results(tmp_path) == alone
