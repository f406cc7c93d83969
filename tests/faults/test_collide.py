"""Many processes and one board: every row is there, and a board is never torn."""

import contextlib
import os
import random
import signal
import time

import nursery
import pytest

from clbench.boards.leaderboard import update
from clbench.boards.markdown import BEGIN, END
from clbench.engine.carrying import publish
from clbench.plugins.registry import registry

ROUNDS = 50 if int(os.environ.get("CLBENCH_FAULTS", "0")) else 4
PROCESSES = 8


def in_child(function):
    child = os.fork()
    if child:
        return child
    try:
        function()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    finally:
        os._exit(70)


def rows_of(text):
    """Cells of the first table, by method."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    width = lines[0].count("|")
    table = [line for line in lines if line.count("|") == width]
    return [line.split("|")[1].strip() for line in table[2:]]


@pytest.mark.faults
def test_eight_processes_finish_into_one_board_at_once(make_record, tmp_path):
    known = registry()
    for turn in range(ROUNDS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        start = time.monotonic() + 0.05
        records = [make_record(f"method-{number}", seed=turn) for number in range(PROCESSES)]

        def finish(record, folder=folder, start=start):
            while time.monotonic() < start:
                pass
            publish(record, folder, known)

        children = [in_child(lambda record=record: finish(record)) for record in records]
        assert [nursery.finish(child) for child in children] == [0] * PROCESSES
        (board,) = folder.glob("*.md")
        text = board.read_text("utf-8")
        assert all(f"method-{number}" in text for number in range(PROCESSES))
        assert text.count(BEGIN) == text.count(END) == 1
        assert set(rows_of(text)) >= {f"method-{number}" for number in range(PROCESSES)}
        (done,) = update(folder, summaries=known.summary_specs(), write=False, plugins=known.plugins)
        assert not done.stale
        assert not done.problems


@pytest.mark.faults
def test_a_kill_while_a_board_is_written_leaves_the_old_one_or_the_new_one(make_record, tmp_path):
    known, rng = registry(), random.Random("torn")
    publish(make_record("first"), tmp_path, known)
    (board,) = tmp_path.glob("*.md")
    for turn in range(5 * ROUNDS):
        before = board.read_text("utf-8")

        def write(turn=turn):
            publish(make_record("second", seed=turn, final=(0.5, turn % 100 / 100)), tmp_path, known)

        child = in_child(write)
        time.sleep(rng.uniform(0, 0.02))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        after = board.read_text("utf-8")
        update(tmp_path, summaries=known.summary_specs(), plugins=known.plugins)
        whole = board.read_text("utf-8")
        assert after in (before, whole), "torn"
    publish(make_record("last"), tmp_path, known)
    assert not list(tmp_path.glob(".*.tmp")), "the next writer removes what the killed ones left"
