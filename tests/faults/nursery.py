"""Runs of `clbench` in child processes that can be killed: forked from one that has imported everything already."""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from clbench.runs.recordparts import NOT_REPEATABLE

THREE = (str(Path(__file__).with_name("three.yaml")),)
EIGHT = (
    *("trace:mini", "--set", "stream.train_examples=12", "--set", "stream.test_examples=4"),
    *("--set", "stream.probe_examples=6", "--set", "protocol.max_answer_tokens=12"),
)
SMALL = [
    *("--set", "protocol.epochs=1", "--set", "runtime.eval_batch=2", "--set", "runtime.checkpoint_steps=1"),
    *("--set", "runtime.device=cpu"),
]


def command(method, home, *, stream=EIGHT, quiet=True):
    """One short run, of all eight tasks or of another stream."""
    folders = ("--runs-dir", str(home / "runs"), "--leaderboards-dir", str(home / "boards"))
    told = ["--quiet"] if quiet else []
    return ["run", "--stream", *stream, *SMALL, "--plugin", method, *folders, *told, "--json"]


def start(arguments, *, log, before=None, after=None):
    """Fork a child that runs the command line, between two functions; returns its process id."""
    child = os.fork()
    if child:
        return child
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1), os.dup2(out, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
        sys.argv = ["clbench", *arguments]
        from clbench.cli import main

        if before:
            before()
        main()
    except SystemExit as end:
        sys.stdout.flush(), sys.stderr.flush()
        if after:
            after()
        os._exit(end.code or 0)
    finally:
        os._exit(70)


def finish(child):
    """Wait for a child; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child, seconds, *, number=signal.SIGKILL):
    """Kill a child after a while; False when it was faster."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)
    return True


def kill_in(child, home, aim, *, seconds):
    """Kill a child a moment after it is seen in a phase; False when it came to its end without."""
    since = said(home)
    while phase(home, since=since) != aim:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    return kill_after(child, seconds)


def run_dir(home):
    """The only run."""
    (folder,) = (path for path in (home / "runs").iterdir() if path.is_dir())
    return folder


PHASES = {
    "start": "loading",
    "resumed": "loading",
    "note": "loading",
    "training": "training",
    "step": "training",
    "trained": "saving",
    "measuring": "evaluating",
    "scored": "between tasks",
    "end": "recording",
}


def said(home):
    """How many events the run has told of so far."""
    return sum(path.read_bytes().count(b"\n") for path in (home / "runs").glob("*/events.jsonl"))


def phase(home, *, since=0):
    """What a run was at when it was killed, from what it left; nothing told since it began: it was loading."""
    folders = [path for path in (home / "runs").glob("*") if path.is_dir()]
    if not folders or said(home) <= since:
        return "loading"
    if (folders[0] / "record.json").is_file():
        return "recording"
    if list(folders[0].glob("checkpoints/.draft*")):
        return "saving"
    whole_lines = (folders[0] / "events.jsonl").read_text("utf-8").rpartition("\n")[0]
    return PHASES.get(json.loads(whole_lines.splitlines()[-1])["event"], "other")


def result(home):
    """All that two runs can be compared by: record without times, predictions, matrix, board without times."""
    folder = run_dir(home)
    record = json.loads((folder / "record.json").read_text("utf-8"))
    for name in NOT_REPEATABLE:
        del record["costs"][name]
    del record["provenance"]["command"]
    record["notes"].pop("base_row", None)  # whose row 0 it was depends on who came first
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and (path.suffix == ".jsonl" or path.name == "matrix.json") and path.name != "events.jsonl"
    }
    return record, files


def results(home):
    """Each run's record, without what may differ."""
    found = {}
    for path in sorted((home / "runs").glob("*/record.json")):
        record = json.loads(path.read_text("utf-8"))
        for name in NOT_REPEATABLE:
            del record["costs"][name]
        del record["provenance"]
        record["notes"].pop("base_row", None)
        found[record["run"]] = record
    return found


def unlike(this, that):
    """Where two results differ, in words; nothing when they are equal."""
    return [*_unlike(this[0], that[0], "record"), *_unlike(this[1], that[1], "file")]


def _unlike(this, that, where):
    if isinstance(this, dict) and isinstance(that, dict):
        return [told for key in {**this, **that} for told in _unlike(this.get(key), that.get(key), f"{where}: {key}")]
    return [] if this == that else [f"{where}: {this!r:.200} not {that!r:.200}"]
