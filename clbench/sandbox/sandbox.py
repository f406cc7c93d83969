"""Runs a program that nobody has read, and tells whether it passes a test.

    verdict = run("def double(x): return 2 * x", entry="double", test="assert candidate(2) == 4")

Two processes, both held by the kernel (`clbench.sandbox.kernel`): one has the program, the other the test
(`clbench.sandbox.child`). Nothing of it can reach the network, start a process, send a signal, change a file or read
one outside Python's own libraries; time and memory are bounded. Linux on x86-64 with Landlock only: where any of it is
missing nothing is run, and `SandboxError` says what is missing. `docs/sandbox.md` says what is stopped and what is not.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Literal, TypeAlias, cast, get_args

from clbench.base.errors import ClbenchError
from clbench.sandbox.child import CONFINED

SWITCH = "CLBENCH_RUN_PROGRAMS"
"""Environment variable that allows programs with the value 1, as the option `--allow-code` does."""
Reason = Literal["passed", "failed", "timeout", "memory", "crashed", "forbidden"]
_Process: TypeAlias = subprocess.Popen[bytes]

# This folder is appended to the path, not put first: the standard library must win over what stands here.
_START = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import child, kernel; "
_START += "del sys.path[-1]; child.main(kernel.confine)"

# What must work, and what must not, before anything else is run: a kernel that lacks a system call of ours, or lets
# one through, would else give wrong scores or less protection. The judge tries what the kernel must refuse, since no
# audit hook stands before it there.
_TRIAL = """
import collections, datetime, decimal, functools, hashlib, heapq, itertools, json, math, os, random, re, string
import statistics, time, typing

def trial(number):
    return hashlib.md5(json.dumps([math.sqrt(number)]).encode()).hexdigest()[:8] + str(datetime.date(2020, 1, 1))
"""
_TRIAL_TEST = """
import _thread, os, signal, socket

for attempt in (
    os.fork, lambda: _thread.start_new_thread(int, ()), socket.socket,
    lambda: os.kill(os.getppid(), 0), lambda: os.open("/proc/self/environ", os.O_RDONLY),
    lambda: os.open("written", os.O_WRONLY | os.O_CREAT), lambda: os.mkdir("made"), lambda: os.nice(0),
):
    try:
        attempt()
    except (PermissionError, RuntimeError):  # the latter: can't start new thread
        continue
    raise AssertionError("the kernel let something through")
assert candidate(4) == "8796ada12020-01-01"
"""


class SandboxError(ClbenchError):
    """Programs cannot be run safely here, so none is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. Files and processes are not among it: it gets none.

    Attributes:
        seconds: Seconds by the clock, the start of the interpreter included.
        cpu_seconds: Seconds of the processor, rounded up to whole ones.
        memory: Bytes of address space.
    """

    seconds: float = 10.0
    cpu_seconds: float = 10.0
    memory: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a program did.

    Attributes:
        passed: The test ran to its end.
        reason: `passed`, or why not: `failed` (an exception, the test's `assert` included), `timeout`, `memory`,
            `crashed` (its process ended), `forbidden` (an exception for something that is not allowed).
        detail: One short line for people.
    """

    passed: bool
    reason: Reason
    detail: str


def run(program: str, *, entry: str, test: str, limits: Limits = Limits()) -> Verdict:
    """Runs a program, then a test of one of its functions.

    Args:
        program: Python text; nothing is assumed of it.
        entry: Name of the function to be tested.
        test: Python text that calls the function as `candidate`; the program passes if it runs to its end. Arguments
            and results are copied between processes as plain data, so that the test does not see what the
            program does to an argument.
        limits: What the program may use.

    Returns:
        The verdict. The processes are gone and the folder removed.

    Raises:
        SandboxError: A protection is missing here, or the interpreter does not start; nothing of the program was run.
    """
    check()
    return _run(program, entry=entry, test=test, limits=limits)


def allow() -> None:
    """For the rest of this process, and for those it starts."""
    os.environ[SWITCH] = "1"


def allowed() -> bool:
    """Whether somebody has asked for programs to be run."""
    return os.environ.get(SWITCH) == "1"


@cache
def check() -> None:
    """Makes sure once that the sandbox holds here, and that ordinary programs work in it.

    Raises:
        SandboxError: What is missing.
    """
    if sys.platform != "linux":
        raise SandboxError(f"programs are run on Linux only, where the kernel can hold them; this is {sys.platform}")
    verdict = _run(_TRIAL, entry="trial", test=_TRIAL_TEST, limits=Limits(seconds=30))
    if not verdict.passed:
        raise SandboxError(f"programs cannot be run safely here; the sandbox's own trial: {verdict.detail}")


def _run(program: str, *, entry: str, test: str, limits: Limits) -> Verdict:
    """Starts player and judge, waits for the judge, and ends both."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="clbench-sandbox-"))
        ends = [stack.enter_context(end) for end in socket.socketpair()]
        player, judge = (
            _start(role, channel=end.fileno(), folder=folder, limits=limits, stack=stack)
            for role, end in zip(("player", "judge"), ends, strict=True)
        )
        for end in ends:
            end.close()  # so that each hears when the other is gone
        text = f"{entry}\n{test}"
        reason, detail = _converse(player, judge, program=program, test=text, seconds=limits.seconds)
        if reason == "crashed" and detail.startswith("EOFError"):
            with suppress(subprocess.TimeoutExpired):  # it may have closed the socket and live on
                reason, detail = _ending(player.wait(timeout=1))
        _end(judge)
        _end(player)
        assert player.stdout is not None
        said = player.stdout.read().decode()
        if said != CONFINED:
            raise SandboxError(f"programs cannot be run safely here: {said or 'the interpreter did not start'}")
        line = "".join(one if one.isprintable() else " " for one in detail)  # it may hold what the program wrote
        return Verdict(reason == "passed", reason, " ".join(line.split()))


def _start(role: str, *, channel: int, folder: str, limits: Limits, stack: ExitStack) -> _Process:
    """Starts one of the two in a session of its own, with an environment of two variables; the stack ends it."""
    arguments = [role, str(channel), str(limits.memory), str(ceil(limits.cpu_seconds))]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-S", "-P", "-s", "-B", "-X", "utf8", "-c", _START, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(channel,),
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},  # the order of sets is that of the last run
        start_new_session=True,
    )
    stack.enter_context(process)
    stack.callback(_end, process)
    return process


def _converse(player: _Process, judge: _Process, *, program: str, test: str, seconds: float) -> tuple[Reason, str]:
    """Hands out program and test; returns the reason and the detail that the judge gives."""
    deadline = monotonic() + seconds
    stdin = player.stdin
    assert stdin is not None
    for step in (lambda: stdin.write(program.encode("utf-8", "surrogatepass")), stdin.close):
        with suppress(BrokenPipeError):  # a player that could not be confined: that is looked at in the end
            step()
    try:
        said, _ = judge.communicate(test.encode(), timeout=max(0, deadline - monotonic()))
    except subprocess.TimeoutExpired as error:
        said = error.output or b""
    text = said.decode(errors="replace")
    if not text.startswith(CONFINED):
        raise SandboxError(f"programs cannot be run safely here: {text or 'the interpreter did not start in time'}")
    if judge.returncode is None:
        return "timeout", f"not over after {seconds:g} s"
    reason, _, detail = text.removeprefix(CONFINED).partition("\n")
    if reason not in get_args(Reason) or (reason == "passed") != (judge.returncode == 0):
        return "crashed", f"the test's process ended with {judge.returncode}"
    return cast("Reason", reason), detail


def _ending(code: int) -> tuple[Reason, str]:
    """Why a program's process ended before its test did."""
    if code == -signal.SIGXCPU:
        return "timeout", "no processor time is left"
    return "crashed", f"its process ended with {signal.Signals(-code).name if code < 0 else code}"


def _end(process: _Process) -> None:
    """Kills a process and its group, if it lives; a number that is free again could be somebody else's."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
