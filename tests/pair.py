"""Two processes that compute together (gloo), forked from one that has imported everything already."""

import contextlib
import os
import signal
import socket
import sys
import time
import traceback


def run(work, *, log, number=2, seconds=600):
    """Let each of some processes call a function, until all are done.

    Args:
        work: called in each; what it raises is written into the log.
        log: file, for what they say.
        number: of processes.
        seconds: after which they are killed.

    Returns:
        Their exit codes, in order: 0; 1 where the function raised; minus a signal.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [_fork(work, log=log, port=port, rank=rank, number=number) for rank in range(number)]
    left, codes, end = set(children), dict[int, int](), time.monotonic() + seconds
    while left:
        for child in list(left):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                left.discard(child)
                codes[child] = os.waitstatus_to_exitcode(status)
                end = min(end, time.monotonic() + (20 if codes[child] else seconds))  # the others wait in vain
        if time.monotonic() > end:
            for child in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    return [codes[child] for child in children]


def _fork(work, *, log, port, rank, number):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1), os.dup2(out, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", 1, closefd=False), os.fdopen(2, "w", 1, closefd=False)
        _join(port=port, rank=rank, number=number)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    return None


def _join(*, port, rank, number):
    """What a launcher says, and a process that has not computed alone before."""
    import torch
    from accelerate.state import AcceleratorState, GradientState

    torch.set_num_threads(1)
    for name in ("", "LOCAL_"):
        os.environ[f"{name}RANK"], os.environ[f"{name}WORLD_SIZE"] = str(rank), str(number)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    torch.distributed.init_process_group("gloo")
